# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/libbase.la
%C%_libbase_la_SOURCES = \
    %D%/sockaddr.h %D%/addr.h %D%/cursor.h %D%/mem.h \
    %D%/err.c %D%/err.h \
    %D%/heap.c %D%/heap.h \
    %D%/log.c %D%/log.h \
    %D%/map.c %D%/map.h \
    %D%/ranges.c %D%/ranges.h \
    %D%/rcvbuf.c %D%/rcvbuf.h
