# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/liblink.la
%C%_liblink_la_SOURCES = %D%/link.c %D%/link.h %D%/link_rng.h %D%/link_corrupt.c %D%/link_corrupt.h \
    %D%/link_options.c %D%/link_options.h

noinst_PROGRAMS += %D%/linkemu
%C%_linkemu_SOURCES = %D%/linkemu.c
%C%_linkemu_LDADD = %D%/liblink.la

# Stateless servers for the scenarios: one that serves, one that harms.
noinst_PROGRAMS += %D%/streamer %D%/hostile_service
%C%_hostile_service_SOURCES = %D%/peers/hostile_service.c
%C%_hostile_service_LDADD = lib/ipc/libring.la lib/ipc/libipc.la lib/base/libbase.la
%C%_streamer_SOURCES = %D%/peers/streamer.c
%C%_streamer_LDADD = lib/mini/libminisocket.la

# Not peers/ as a whole: it has objects in the build tree, and `make dist` would take them along.
EXTRA_DIST += %D%/README %D%/run.py %D%/netlab %D%/scenarios %D%/peers/datagram_timer.py %D%/peers/echo_server.py \
    %D%/peers/forger.py %D%/peers/holder.py %D%/peers/intruder.py %D%/peers/stalled.py %D%/peers/sum_server.py \
    %D%/peers/talk.py

# trk-conform
noinst_LTLIBRARIES += %D%/libconform.la
%C%_libconform_la_SOURCES = %D%/conform.c %D%/conform.h %D%/conform_map.c %D%/conform_map.h %D%/conform_pcap.c \
    %D%/conform_state.c %D%/conform_state.h
%C%_libconform_la_CFLAGS = $(AM_CFLAGS) $(PCAP_CFLAGS)
%C%_libconform_la_LIBADD = lib/core/libcore.la lib/base/libbase.la

noinst_PROGRAMS += %D%/trk-conform
%C%_trk_conform_SOURCES = %D%/conform_main.c
%C%_trk_conform_LDADD = %D%/libconform.la $(PCAP_LIBS)
include tests/net/shim/local.mk
