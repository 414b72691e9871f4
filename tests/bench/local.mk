# Part of the one makefile: see Makefile.am.

# bench_crypto
EXTRA_PROGRAMS += %D%/bench_crypto
CLEANFILES += %D%/bench_crypto
%C%_bench_crypto_SOURCES = %D%/bench_crypto.c
%C%_bench_crypto_LDADD = lib/crypto/libcrypto.la

# manyclients: client ends of stateless connections, for minisocket.py
EXTRA_PROGRAMS += %D%/manyclients
CLEANFILES += %D%/manyclients
%C%_manyclients_SOURCES = %D%/manyclients.c
%C%_manyclients_LDADD = lib/core/libcore.la lib/io/libio.la lib/base/libbase.la

# Benchmarks against kernel TCP in the same run; they need root and the installed tree in build/stage.
BENCH_ENV = SRC=$(abs_top_srcdir) BUILD=$(abs_top_builddir) STAGE=$${STAGE:-$(abs_top_builddir)/stage}
bench-links: all
	$(BENCH_ENV) $(top_srcdir)/tests/bench/links.py $(BENCH_FLAGS)
bench-veth: all
	$(BENCH_ENV) $(top_srcdir)/tests/bench/veth.py $(BENCH_FLAGS)
bench-minisocket: all %D%/manyclients
	$(BENCH_ENV) $(top_srcdir)/tests/bench/minisocket.py $(BENCH_FLAGS)
bench-crypto: %D%/bench_crypto
	%D%/bench_crypto
bench: bench-crypto bench-veth bench-links bench-minisocket
.PHONY: bench bench-crypto bench-links bench-veth bench-minisocket
EXTRA_DIST += %D%/measure.py %D%/links.py %D%/veth.py %D%/minisocket.py
