# Part of the one makefile: see Makefile.am.

# bench_crypto
EXTRA_PROGRAMS += %D%/bench_crypto
CLEANFILES += %D%/bench_crypto
%C%_bench_crypto_SOURCES = %D%/bench_crypto.c
%C%_bench_crypto_LDADD = lib/crypto/libcrypto.la
