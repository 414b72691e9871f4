# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/libipc.la
%C%_libipc_la_SOURCES = %D%/control.c %D%/control.h %D%/fdpass.c %D%/fdpass.h %D%/link.c %D%/link.h \
    %D%/locate.c %D%/locate.h %D%/name.c %D%/name.h

# Rings between daemon and stateless services: not in the shim.
noinst_LTLIBRARIES += %D%/libring.la
%C%_libring_la_SOURCES = %D%/minirec.c %D%/minirec.h %D%/ring.c %D%/ring.h %D%/ringmem.c %D%/ringmem.h
