# Part of the one makefile: see Makefile.am.

# What simulator and unit tests share: randomness, a fake seal, counted memory.
noinst_LTLIBRARIES += %D%/libsimkit.la
%C%_libsimkit_la_SOURCES = %D%/rng.h %D%/fakeseal.c %D%/fakeseal.h %D%/testmem.c %D%/testmem.h

# The simulator.
noinst_PROGRAMS += %D%/simrun
%C%_simrun_SOURCES = %D%/simrun.c \
    %D%/adversary.c %D%/adversary.h \
    %D%/app.c %D%/app.h \
    %D%/judge.c %D%/judge.h \
    %D%/named.c %D%/named.h \
    %D%/named_mini.c %D%/named_mini.h \
    %D%/realseal.c %D%/realseal.h \
    %D%/scenario.c \
    %D%/sim.c %D%/sim.h \
    %D%/simclient.c %D%/simclient.h \
    %D%/simlink.c %D%/simlink.h \
    %D%/simmini.c %D%/simmini.h \
    %D%/simserver.c %D%/simserver.h \
    %D%/table.c %D%/table.h \
    %D%/tcp.c %D%/tcp.h \
    %D%/trace.c %D%/trace.h \
    %D%/world.c %D%/world.h
%C%_simrun_LDADD = %D%/libsimkit.la lib/core/libcore.la lib/crypto/libcrypto.la lib/base/libbase.la -lm
dist_check_SCRIPTS += %D%/simtest.sh
TESTS += %D%/simtest.sh
