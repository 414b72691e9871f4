# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/libtrace.la
%C%_libtrace_la_SOURCES = %D%/pcap.c %D%/pcap.h
