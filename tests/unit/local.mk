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
%C%_test_udp_SOURCES = %D%/test_udp.c
%C%_test_udp_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_udp_LDADD = lib/io/libio.la $(CHECK_LIBS)

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
