# Part of the one makefile: see Makefile.am.

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/bash-completion/trickles
