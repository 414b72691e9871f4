# Manual pages, one line each. tests/unit/manpages.sh checks all of them.
dist_man_MANS += %D%/trickles.1
dist_man_MANS += %D%/trickles.7
dist_man_MANS += %D%/trickles-protocol.7
dist_man_MANS += %D%/libtrickles.7
dist_man_MANS += %D%/trickled.8
dist_man_MANS += %D%/trickled.conf.5
dist_man_MANS += %D%/trickles-httpd.1
dist_man_MANS += %D%/trickles-watermark.1
dist_man_MANS += %D%/trickles-tail.1
dist_man_MANS += %D%/trickles-session.1
dist_man_MANS += %D%/trickles-upload.1
