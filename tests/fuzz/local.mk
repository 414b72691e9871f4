# Fuzz targets: see fuzz.h. replay_NAME is a test everywhere; fuzz_NAME needs --enable-fuzzers and clang.
fuzz_common = %D%/replay_main.c %D%/fuzz.h
fuzz_engine_sources = %D%/server_world.c %D%/server_world.h %D%/clear_seal.h %D%/frames.h
fuzz_engine_libs = lib/core/libcore.la lib/base/libbase.la
fuzz_replays = %D%/replay_wire %D%/replay_cont %D%/replay_control %D%/replay_name %D%/replay_server \
    %D%/replay_client %D%/replay_config %D%/replay_ring %D%/replay_bundle \
    %D%/replay_ucont %D%/replay_ticket
TESTS += $(fuzz_replays)
if FUZZERS
noinst_PROGRAMS += $(fuzz_replays) %D%/fuzz_wire %D%/fuzz_cont %D%/fuzz_control %D%/fuzz_name %D%/fuzz_server \
    %D%/fuzz_client %D%/fuzz_config %D%/fuzz_ring %D%/fuzz_bundle %D%/fuzz_ucont %D%/fuzz_ticket
else
check_PROGRAMS += $(fuzz_replays)
endif
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer

# wire
%C%_replay_wire_SOURCES = %D%/fuzz_wire.c $(fuzz_common)
%C%_replay_wire_LDADD = $(fuzz_engine_libs)
%C%_fuzz_wire_SOURCES = %D%/fuzz_wire.c %D%/fuzz.h
%C%_fuzz_wire_LDADD = $(fuzz_engine_libs)
%C%_fuzz_wire_LDFLAGS = $(fuzz_ldflags)

# cont
%C%_replay_cont_SOURCES = %D%/fuzz_cont.c %D%/clear_seal.h $(fuzz_common)
%C%_replay_cont_LDADD = $(fuzz_engine_libs)
%C%_fuzz_cont_SOURCES = %D%/fuzz_cont.c %D%/clear_seal.h %D%/fuzz.h
%C%_fuzz_cont_LDADD = $(fuzz_engine_libs)
%C%_fuzz_cont_LDFLAGS = $(fuzz_ldflags)

# control
%C%_replay_control_SOURCES = %D%/fuzz_control.c $(fuzz_common)
%C%_replay_control_LDADD = lib/ipc/libipc.la
%C%_fuzz_control_SOURCES = %D%/fuzz_control.c %D%/fuzz.h
%C%_fuzz_control_LDADD = lib/ipc/libipc.la
%C%_fuzz_control_LDFLAGS = $(fuzz_ldflags)

# name
%C%_replay_name_SOURCES = %D%/fuzz_name.c $(fuzz_common)
%C%_replay_name_LDADD = lib/ipc/libipc.la
%C%_fuzz_name_SOURCES = %D%/fuzz_name.c %D%/fuzz.h
%C%_fuzz_name_LDADD = lib/ipc/libipc.la
%C%_fuzz_name_LDFLAGS = $(fuzz_ldflags)

# server
%C%_replay_server_SOURCES = %D%/fuzz_server.c $(fuzz_engine_sources) $(fuzz_common)
%C%_replay_server_LDADD = $(fuzz_engine_libs)
%C%_fuzz_server_SOURCES = %D%/fuzz_server.c $(fuzz_engine_sources) %D%/fuzz.h
%C%_fuzz_server_LDADD = $(fuzz_engine_libs)
%C%_fuzz_server_LDFLAGS = $(fuzz_ldflags)

# client
%C%_replay_client_SOURCES = %D%/fuzz_client.c $(fuzz_engine_sources) $(fuzz_common)
%C%_replay_client_LDADD = $(fuzz_engine_libs)
%C%_fuzz_client_SOURCES = %D%/fuzz_client.c $(fuzz_engine_sources) %D%/fuzz.h
%C%_fuzz_client_LDADD = $(fuzz_engine_libs)
%C%_fuzz_client_LDFLAGS = $(fuzz_ldflags)

# config
%C%_replay_config_SOURCES = %D%/fuzz_config.c $(fuzz_common)
%C%_replay_config_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_replay_config_LDADD = daemon/libdaemon.la
%C%_fuzz_config_SOURCES = %D%/fuzz_config.c %D%/fuzz.h
%C%_fuzz_config_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_fuzz_config_LDADD = daemon/libdaemon.la
%C%_fuzz_config_LDFLAGS = $(fuzz_ldflags)

# ring
%C%_replay_ring_SOURCES = %D%/fuzz_ring.c $(fuzz_common)
%C%_replay_ring_LDADD = lib/ipc/libring.la lib/base/libbase.la
%C%_fuzz_ring_SOURCES = %D%/fuzz_ring.c %D%/fuzz.h
%C%_fuzz_ring_LDADD = lib/ipc/libring.la lib/base/libbase.la
%C%_fuzz_ring_LDFLAGS = $(fuzz_ldflags)

# bundle
%C%_replay_bundle_SOURCES = %D%/fuzz_bundle.c %D%/clear_seal.h $(fuzz_common)
%C%_replay_bundle_LDADD = $(fuzz_engine_libs)
%C%_fuzz_bundle_SOURCES = %D%/fuzz_bundle.c %D%/clear_seal.h %D%/fuzz.h
%C%_fuzz_bundle_LDADD = $(fuzz_engine_libs)
%C%_fuzz_bundle_LDFLAGS = $(fuzz_ldflags)

# ucont
%C%_replay_ucont_SOURCES = %D%/fuzz_ucont.c %D%/clear_seal.h $(fuzz_common)
%C%_replay_ucont_LDADD = $(fuzz_engine_libs)
%C%_fuzz_ucont_SOURCES = %D%/fuzz_ucont.c %D%/clear_seal.h %D%/fuzz.h
%C%_fuzz_ucont_LDADD = $(fuzz_engine_libs)
%C%_fuzz_ucont_LDFLAGS = $(fuzz_ldflags)

# ticket
%C%_replay_ticket_SOURCES = %D%/fuzz_ticket.c %D%/clear_seal.h $(fuzz_common)
%C%_replay_ticket_LDADD = $(fuzz_engine_libs)
%C%_fuzz_ticket_SOURCES = %D%/fuzz_ticket.c %D%/clear_seal.h %D%/fuzz.h
%C%_fuzz_ticket_LDADD = $(fuzz_engine_libs)
%C%_fuzz_ticket_LDFLAGS = $(fuzz_ldflags)

# web: only where the examples are built
if EXAMPLES
TESTS += %D%/replay_web
if FUZZERS
noinst_PROGRAMS += %D%/replay_web %D%/fuzz_web
else
check_PROGRAMS += %D%/replay_web
endif
endif
%C%_replay_web_SOURCES = %D%/fuzz_web.c examples/select.c examples/web.c $(fuzz_common)
%C%_replay_web_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_replay_web_LDADD = $(HTTP_PARSER_LIBS)
%C%_fuzz_web_SOURCES = %D%/fuzz_web.c examples/select.c examples/web.c %D%/fuzz.h
%C%_fuzz_web_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_fuzz_web_LDADD = $(HTTP_PARSER_LIBS)
%C%_fuzz_web_LDFLAGS = $(fuzz_ldflags)
