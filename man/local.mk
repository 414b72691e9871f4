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

# libminisocket
dist_man_MANS += %D%/minisocket.7
dist_man_MANS += %D%/msk_connect.3
dist_man_MANS += %D%/msk_consume.3
dist_man_MANS += %D%/msk_detach.3
dist_man_MANS += %D%/msk_drop.3
dist_man_MANS += %D%/msk_end.3
dist_man_MANS += %D%/msk_events.3
dist_man_MANS += %D%/msk_extract_events.3
dist_man_MANS += %D%/msk_listen.3
dist_man_MANS += %D%/msk_seek.3
dist_man_MANS += %D%/msk_send.3
dist_man_MANS += %D%/msk_sendbulk.3
dist_man_MANS += %D%/msk_setucont.3

# Further names of these pages: links that are installed.
man_links = \
    msk_close:msk_end \
    msk_finish:msk_listen \
    msk_install_events:msk_extract_events \
    msk_need:msk_consume \
    msk_read:msk_connect \
    msk_request:msk_connect \
    msk_reset:msk_end \
    msk_sendfilev:msk_send \
    msk_sendv:msk_send \
    msk_shutdown:msk_connect \
    msk_tell:msk_seek \
    msk_timeout:msk_events \
    msk_wanted:msk_seek

install-data-hook:
	for link in $(man_links); do \
	    ln -sf "$${link#*:}.3" "$(DESTDIR)$(man3dir)/$${link%:*}.3" || exit 1; \
	done

uninstall-hook:
	for link in $(man_links); do rm -f "$(DESTDIR)$(man3dir)/$${link%:*}.3"; done
