# Part of the one makefile: see Makefile.am.

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/bash-completion/trickles

# For Wireshark's plugin folder: see the head of the file.
wiresharkdir = $(pkgdatadir)/wireshark
dist_wireshark_DATA = %D%/wireshark/trickles.lua
