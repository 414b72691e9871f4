# Part of the one makefile: see Makefile.am.
noinst_LTLIBRARIES += %D%/libmini.la
%C%_libmini_la_SOURCES = %D%/backend.h %D%/answer.c %D%/answer.h %D%/client.c %D%/client_int.h %D%/client_open.c \
    %D%/embed.c %D%/embed_in.c %D%/embed_int.h %D%/embed_jobs.c %D%/embed_move.c %D%/embed_out.c \
    %D%/ringside.c %D%/ringside_in.c %D%/ringside_int.h %D%/ringside_move.c %D%/ringside_out.c %D%/send.c %D%/service.c %D%/service.h %D%/table.c %D%/table.h
%C%_libmini_la_LIBADD = lib/core/libcore.la lib/crypto/libcrypto.la lib/io/libio.la lib/ipc/libipc.la lib/ipc/libring.la lib/base/libbase.la \
    -lpthread

lib_LTLIBRARIES += %D%/libminisocket.la
EXTRA_DIST += %D%/libminisocket.map %D%/minisocket.pc.in
%C%_libminisocket_la_SOURCES =
%C%_libminisocket_la_LIBADD = %D%/libmini.la
# The soname's number is raised with a change that old programs do not survive; a call that is added gets a version node
# of its own in the map.
%C%_libminisocket_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -Wl,-z,now $(trk_no_undefined) \
    -Wl,--version-script=$(srcdir)/%D%/libminisocket.map
%C%_libminisocket_la_DEPENDENCIES = %D%/libmini.la %D%/libminisocket.map

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = %D%/minisocket.pc
CLEANFILES += %D%/minisocket.pc
%D%/minisocket.pc: %D%/minisocket.pc.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && sed -e 's|@prefix[@]|$(prefix)|' -e 's|@exec_prefix[@]|$(exec_prefix)|' \
	    -e 's|@libdir[@]|$(libdir)|' -e 's|@includedir[@]|$(includedir)|' -e 's|@VERSION[@]|$(VERSION)|' \
	    $(srcdir)/%D%/minisocket.pc.in > $@.tmp && mv $@.tmp $@
