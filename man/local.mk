# Manual pages, one line each. tests/unit/manpages.sh checks all of them.
dist_man_MANS += %D%/trickles.1
dist_man_MANS += %D%/trickles.7
dist_man_MANS += %D%/trickles-protocol.7
dist_man_MANS += %D%/libtrickles.7
dist_man_MANS += %D%/trickled.8
dist_man_MANS += %D%/trickled.conf.5
dist_man_MANS += %D%/trickles-httpd.1
