# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/libio.la
%C%_libio_la_SOURCES = %D%/clock.c %D%/clock.h %D%/udp.h %D%/udp_internal.h %D%/udp.c \
    %D%/udp_rx.c %D%/udp_tx.c
