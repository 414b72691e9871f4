# Part of the one makefile: see Makefile.am.

# What simulator and unit tests share: randomness, a fake seal, counted memory.
noinst_LTLIBRARIES += %D%/libsimkit.la
%C%_libsimkit_la_SOURCES = %D%/rng.h %D%/fakeseal.c %D%/fakeseal.h %D%/testmem.c %D%/testmem.h
