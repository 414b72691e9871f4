# Part of the one makefile: see Makefile.am. The daemon's parts are a library, so that tests can link them.
noinst_LTLIBRARIES += %D%/libdaemon.la
%C%_libdaemon_la_SOURCES = \
    %D%/daemon.h \
    %D%/accept_tcp.c %D%/accept_tcp.h \
    %D%/addrs.c %D%/addrs.h \
    %D%/applink.c %D%/applink.h \
    %D%/buffers.c %D%/buffers.h \
    %D%/compat.c %D%/compat_answer.c %D%/compat.h \
    %D%/config.c %D%/config.h \
    %D%/control.c %D%/control.h \
    %D%/dial.c %D%/dial_info.c %D%/dial_race.c %D%/dial.h \
    %D%/down.c %D%/down.h \
    %D%/keys.c %D%/keys.h \
    %D%/listeners.c %D%/listeners.h \
    %D%/loop.c %D%/loop.h \
    %D%/memo.c %D%/memo.h \
    %D%/minicheck.c %D%/minicheck.h \
    %D%/minis.c %D%/minis_answer.c %D%/minis_event.c %D%/minis_move.c %D%/minis.h \
    %D%/netns.c %D%/netns.h \
    %D%/nowait.c %D%/nowait.h \
    %D%/options.c %D%/options.h \
    %D%/party.c %D%/party.h \
    %D%/peersocks.c %D%/peersocks.h \
    %D%/places.c %D%/places.h \
    %D%/port.c %D%/port.h \
    %D%/rediscover.c %D%/rediscover.h \
    %D%/relay.c %D%/relay.h \
    %D%/slots.c %D%/slots.h \
    %D%/status.c %D%/status.h \
    %D%/tombs.c %D%/tombs.h \
    %D%/train.c %D%/train.h
%C%_libdaemon_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_libdaemon_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CONFUSE_CFLAGS) $(JANSSON_CFLAGS)
%C%_libdaemon_la_LIBADD = lib/core/libcore.la lib/crypto/libcrypto.la lib/io/libio.la lib/ipc/libipc.la lib/ipc/libring.la \
    lib/trace/libtrace.la lib/base/libbase.la $(UV_LIBS) $(CONFUSE_LIBS) $(JANSSON_LIBS)

sbin_PROGRAMS += %D%/trickled
%C%_trickled_SOURCES = %D%/main.c
%C%_trickled_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_trickled_LDADD = %D%/libdaemon.la
