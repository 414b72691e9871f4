# Part of the one makefile: see Makefile.am.
mskincludedir = $(includedir)/trickles
mskinclude_HEADERS = %D%/trickles/minisocket.h
