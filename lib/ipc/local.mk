# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/libipc.la
%C%_libipc_la_SOURCES = %D%/control.c %D%/control.h %D%/fdpass.c %D%/fdpass.h %D%/link.c %D%/link.h \
    %D%/locate.c %D%/locate.h %D%/name.c %D%/name.h
