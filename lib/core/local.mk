# Part of the one makefile: see Makefile.am.
