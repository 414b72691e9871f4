# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/liblink.la
%C%_liblink_la_SOURCES = %D%/link.c %D%/link.h %D%/link_rng.h %D%/link_corrupt.c %D%/link_corrupt.h \
    %D%/link_options.c %D%/link_options.h

noinst_PROGRAMS += %D%/linkemu
%C%_linkemu_SOURCES = %D%/linkemu.c
%C%_linkemu_LDADD = %D%/liblink.la

EXTRA_DIST += %D%/README %D%/run.py %D%/netlab %D%/scenarios %D%/peers
