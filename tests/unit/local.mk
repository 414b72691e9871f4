# Part of the one makefile: see Makefile.am.

# test_link
check_PROGRAMS += %D%/test_link
TESTS += %D%/test_link
%C%_test_link_SOURCES = %D%/test_link.c
%C%_test_link_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/net
%C%_test_link_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_link_LDADD = tests/net/liblink.la $(CHECK_LIBS)
check_PROGRAMS += %D%/test_ipc
TESTS += %D%/test_ipc
%C%_test_ipc_SOURCES = %D%/test_ipc.c
%C%_test_ipc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_ipc_LDADD = lib/ipc/libipc.la $(CHECK_LIBS)

# test_crypto
check_PROGRAMS += %D%/test_crypto
TESTS += %D%/test_crypto
%C%_test_crypto_SOURCES = %D%/test_crypto.c
%C%_test_crypto_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
%C%_test_crypto_LDADD = lib/crypto/libcrypto.la $(CHECK_LIBS) $(CRYPTO_LIBS)

# test_keyring
check_PROGRAMS += %D%/test_keyring
TESTS += %D%/test_keyring
%C%_test_keyring_SOURCES = %D%/test_keyring.c
%C%_test_keyring_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_keyring_LDADD = lib/crypto/libcrypto.la $(CHECK_LIBS)

# test_udp
check_PROGRAMS += %D%/test_udp
TESTS += %D%/test_udp
%C%_test_udp_SOURCES = %D%/test_udp.c %D%/udp_pair.h
%C%_test_udp_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_udp_LDADD = lib/io/libio.la $(CHECK_LIBS)

# test_udp_tx
check_PROGRAMS += %D%/test_udp_tx
TESTS += %D%/test_udp_tx
%C%_test_udp_tx_SOURCES = %D%/test_udp_tx.c %D%/udp_pair.h
%C%_test_udp_tx_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_udp_tx_LDADD = lib/io/libio.la $(CHECK_LIBS)

# test_pcap
check_PROGRAMS += %D%/test_pcap
TESTS += %D%/test_pcap
%C%_test_pcap_SOURCES = %D%/test_pcap.c
%C%_test_pcap_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(PCAP_CFLAGS)
%C%_test_pcap_LDADD = lib/trace/libtrace.la $(CHECK_LIBS) $(PCAP_LIBS)

# test_heap
check_PROGRAMS += %D%/test_heap
TESTS += %D%/test_heap
%C%_test_heap_SOURCES = %D%/test_heap.c %D%/seeded.h %D%/failing_memory.h
%C%_test_heap_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_heap_LDADD = lib/base/libbase.la $(CHECK_LIBS)

# test_map
check_PROGRAMS += %D%/test_map
TESTS += %D%/test_map
%C%_test_map_SOURCES = %D%/test_map.c %D%/seeded.h %D%/failing_memory.h
%C%_test_map_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_map_LDADD = lib/base/libbase.la $(CHECK_LIBS)

# test_log
check_PROGRAMS += %D%/test_log
TESTS += %D%/test_log
%C%_test_log_SOURCES = %D%/test_log.c
%C%_test_log_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_log_LDADD = lib/base/libbase.la $(CHECK_LIBS)

# test_conform
check_PROGRAMS += %D%/test_conform
TESTS += %D%/test_conform
%C%_test_conform_SOURCES = %D%/test_conform.c
%C%_test_conform_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/net
%C%_test_conform_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_conform_LDADD = tests/net/libconform.la lib/trace/libtrace.la $(CHECK_LIBS) $(PCAP_LIBS)
# test_ranges
check_PROGRAMS += %D%/test_ranges
TESTS += %D%/test_ranges
%C%_test_ranges_SOURCES = %D%/test_ranges.c %D%/unit.h
%C%_test_ranges_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_ranges_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_ranges_LDADD = tests/sim/libsimkit.la lib/base/libbase.la $(CHECK_LIBS)

# test_rcvbuf
check_PROGRAMS += %D%/test_rcvbuf
TESTS += %D%/test_rcvbuf
%C%_test_rcvbuf_SOURCES = %D%/test_rcvbuf.c %D%/unit.h
%C%_test_rcvbuf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_rcvbuf_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_rcvbuf_LDADD = tests/sim/libsimkit.la lib/base/libbase.la $(CHECK_LIBS)

# test_law
check_PROGRAMS += %D%/test_law
TESTS += %D%/test_law
%C%_test_law_SOURCES = %D%/test_law.c %D%/unit.h
%C%_test_law_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_law_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_law_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_cont
check_PROGRAMS += %D%/test_cont
TESTS += %D%/test_cont
%C%_test_cont_SOURCES = %D%/test_cont.c %D%/unit.h
%C%_test_cont_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_cont_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_cont_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_wire
check_PROGRAMS += %D%/test_wire
TESTS += %D%/test_wire
%C%_test_wire_SOURCES = %D%/test_wire.c %D%/unit.h
%C%_test_wire_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_wire_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_wire_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)
# Scans of the tree: who includes whom, and what the engine calls.
dist_check_SCRIPTS += %D%/include_scan.sh %D%/core_symbols.sh
TESTS += %D%/include_scan.sh %D%/core_symbols.sh

# manpages, command, readme
dist_check_SCRIPTS += %D%/manpages.sh %D%/man_examples.sh %D%/command.sh %D%/command_peers.py %D%/readme.sh
TESTS += %D%/manpages.sh %D%/man_examples.sh %D%/command.sh %D%/readme.sh
# test_rules
check_PROGRAMS += %D%/test_rules
TESTS += %D%/test_rules
%C%_test_rules_SOURCES = %D%/test_rules.c preload/rules.c
%C%_test_rules_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_rules_LDADD = lib/ipc/libipc.la $(CHECK_LIBS)

# test_conform_engine
check_PROGRAMS += %D%/test_conform_engine
TESTS += %D%/test_conform_engine
%C%_test_conform_engine_SOURCES = %D%/test_conform_engine.c $(fuzz_engine_sources)
%C%_test_conform_engine_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/net -I$(top_srcdir)/tests/fuzz
%C%_test_conform_engine_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_conform_engine_LDADD = tests/net/libconform.la $(CHECK_LIBS) $(PCAP_LIBS)

# test_spec
check_PROGRAMS += %D%/test_spec
TESTS += %D%/test_spec
%C%_test_spec_SOURCES = %D%/test_spec.c
%C%_test_spec_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_spec_LDADD = lib/core/libcore.la lib/crypto/libcrypto.la lib/base/libbase.la $(CHECK_LIBS) $(CRYPTO_LIBS)

# test_shim
check_PROGRAMS += %D%/test_shim
TESTS += %D%/test_shim
%C%_test_shim_SOURCES = %D%/test_shim.c preload/epoll.c preload/real.c preload/route.c preload/store.c preload/tag.c
%C%_test_shim_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_shim_LDADD = lib/ipc/libipc.la $(CHECK_LIBS)

# test_replay
check_PROGRAMS += %D%/test_replay
TESTS += %D%/test_replay
%C%_test_replay_SOURCES = %D%/test_replay.c %D%/unit.h
%C%_test_replay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_replay_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_replay_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_proof
check_PROGRAMS += %D%/test_proof
TESTS += %D%/test_proof
%C%_test_proof_SOURCES = %D%/test_proof.c %D%/unit.h
%C%_test_proof_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_proof_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_proof_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_credit
check_PROGRAMS += %D%/test_credit
TESTS += %D%/test_credit
%C%_test_credit_SOURCES = %D%/test_credit.c %D%/unit.h
%C%_test_credit_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_credit_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_credit_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_server
check_PROGRAMS += %D%/test_server
TESTS += %D%/test_server
%C%_test_server_SOURCES = %D%/test_server.c %D%/unit.h
%C%_test_server_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_server_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_server_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_soft
check_PROGRAMS += %D%/test_soft
TESTS += %D%/test_soft
%C%_test_soft_SOURCES = %D%/test_soft.c %D%/unit.h
%C%_test_soft_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_soft_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_soft_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_config
check_PROGRAMS += %D%/test_config
TESTS += %D%/test_config
%C%_test_config_SOURCES = %D%/test_config.c
%C%_test_config_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_test_config_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_config_LDADD = daemon/libdaemon.la $(CHECK_LIBS)

# test_applink
check_PROGRAMS += %D%/test_applink
TESTS += %D%/test_applink
%C%_test_applink_SOURCES = %D%/test_applink.c
%C%_test_applink_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_test_applink_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_applink_LDADD = daemon/libdaemon.la $(CHECK_LIBS)

# test_buffers
check_PROGRAMS += %D%/test_buffers
TESTS += %D%/test_buffers
%C%_test_buffers_SOURCES = %D%/test_buffers.c
%C%_test_buffers_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_test_buffers_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_buffers_LDADD = daemon/libdaemon.la $(CHECK_LIBS)

# test_peersocks
check_PROGRAMS += %D%/test_peersocks
TESTS += %D%/test_peersocks
%C%_test_peersocks_SOURCES = %D%/test_peersocks.c
%C%_test_peersocks_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/tests/sim
%C%_test_peersocks_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_peersocks_LDADD = tests/sim/libsimkit.la daemon/libdaemon.la $(CHECK_LIBS)

# test_tombs
check_PROGRAMS += %D%/test_tombs
TESTS += %D%/test_tombs
%C%_test_tombs_SOURCES = %D%/test_tombs.c
%C%_test_tombs_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_test_tombs_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_tombs_LDADD = daemon/libdaemon.la $(CHECK_LIBS)
# test_client
check_PROGRAMS += %D%/test_client
TESTS += %D%/test_client
%C%_test_client_SOURCES = %D%/test_client.c %D%/unit.h
%C%_test_client_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_client_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_client_ucont
check_PROGRAMS += %D%/test_client_ucont
TESTS += %D%/test_client_ucont
%C%_test_client_ucont_SOURCES = %D%/test_client_ucont.c %D%/unit.h
%C%_test_client_ucont_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_client_ucont_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_client_ucont_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_ring
check_PROGRAMS += %D%/test_ring
TESTS += %D%/test_ring
%C%_test_ring_SOURCES = %D%/test_ring.c %D%/seeded.h
%C%_test_ring_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_ring_LDADD = lib/ipc/libring.la lib/base/libbase.la $(CHECK_LIBS)

# test_minisocket_answer
check_PROGRAMS += %D%/test_minisocket_answer
TESTS += %D%/test_minisocket_answer
%C%_test_minisocket_answer_SOURCES = %D%/test_minisocket_answer.c %D%/unit.h
%C%_test_minisocket_answer_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_minisocket_answer_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_minisocket_answer_LDADD = lib/mini/libmini.la $(CHECK_LIBS)

# test_bundle
check_PROGRAMS += %D%/test_bundle
TESTS += %D%/test_bundle
%C%_test_bundle_SOURCES = %D%/test_bundle.c %D%/unit.h
%C%_test_bundle_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_bundle_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_bundle_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)
# test_ucont
check_PROGRAMS += %D%/test_ucont
TESTS += %D%/test_ucont
%C%_test_ucont_SOURCES = %D%/test_ucont.c %D%/unit.h
%C%_test_ucont_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_ucont_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_ucont_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_handed
check_PROGRAMS += %D%/test_handed
TESTS += %D%/test_handed
%C%_test_handed_SOURCES = %D%/test_handed.c %D%/unit.h
%C%_test_handed_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_handed_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_handed_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_ticket
check_PROGRAMS += %D%/test_ticket
TESTS += %D%/test_ticket
%C%_test_ticket_SOURCES = %D%/test_ticket.c %D%/unit.h
%C%_test_ticket_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_ticket_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_ticket_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_reasm
check_PROGRAMS += %D%/test_reasm
TESTS += %D%/test_reasm
%C%_test_reasm_SOURCES = %D%/test_reasm.c %D%/unit.h
%C%_test_reasm_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_reasm_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_reasm_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_mini
check_PROGRAMS += %D%/test_mini
TESTS += %D%/test_mini
%C%_test_mini_SOURCES = %D%/test_mini.c %D%/mini_world.h %D%/unit.h
%C%_test_mini_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_mini_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_mini_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)

# test_mini_late
check_PROGRAMS += %D%/test_mini_late
TESTS += %D%/test_mini_late
%C%_test_mini_late_SOURCES = %D%/test_mini_late.c %D%/mini_world.h %D%/unit.h
%C%_test_mini_late_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_mini_late_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_mini_late_LDADD = tests/sim/libsimkit.la lib/core/libcore.la lib/base/libbase.la $(CHECK_LIBS)
# test_minis
check_PROGRAMS += %D%/test_minis
TESTS += %D%/test_minis
%C%_test_minis_SOURCES = %D%/test_minis.c %D%/seeded.h
%C%_test_minis_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
%C%_test_minis_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_minis_LDADD = daemon/libdaemon.la $(CHECK_LIBS)

# test_minisocket: against what the library exports, as programs are
check_PROGRAMS += %D%/test_minisocket
TESTS += %D%/test_minisocket
%C%_test_minisocket_SOURCES = %D%/test_minisocket.c %D%/minisocket_world.h %D%/unit.h
%C%_test_minisocket_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_minisocket_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_minisocket_LDADD = lib/mini/libminisocket.la $(CHECK_LIBS)

# test_minisocket_client
check_PROGRAMS += %D%/test_minisocket_client
TESTS += %D%/test_minisocket_client
%C%_test_minisocket_client_SOURCES = %D%/test_minisocket_client.c %D%/minisocket_world.h %D%/unit.h
%C%_test_minisocket_client_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_minisocket_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_minisocket_client_LDADD = lib/mini/libmini.la tests/sim/libsimkit.la $(CHECK_LIBS)

# test_minisocket_errors
check_PROGRAMS += %D%/test_minisocket_errors
TESTS += %D%/test_minisocket_errors
%C%_test_minisocket_errors_SOURCES = %D%/test_minisocket_errors.c %D%/minisocket_world.h %D%/unit.h
%C%_test_minisocket_errors_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
%C%_test_minisocket_errors_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_minisocket_errors_LDADD = lib/mini/libmini.la tests/sim/libsimkit.la $(CHECK_LIBS)
