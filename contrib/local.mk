# Part of the one makefile: see Makefile.am.

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/bash-completion/trickles

# For Wireshark's plugin folder: see the head of the file.
wiresharkdir = $(pkgdatadir)/wireshark
dist_wireshark_DATA = %D%/wireshark/trickles.lua

# The unit of the system's daemon.
systemdsystemunit_DATA = %D%/systemd/trickled.service
EXTRA_DIST += %D%/systemd/trickled.service.in
CLEANFILES += %D%/systemd/trickled.service
%D%/systemd/trickled.service: %D%/systemd/trickled.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D%/systemd && sed -e 's|@sbindir[@]|$(sbindir)|' -e 's|@bindir[@]|$(bindir)|' $(srcdir)/%D%/systemd/trickled.service.in > $@.tmp && mv $@.tmp $@
