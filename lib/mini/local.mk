# Part of the one makefile: see Makefile.am.
noinst_HEADERS += %D%/backend.h
