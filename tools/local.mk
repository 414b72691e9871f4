# The trickles command.
bin_PROGRAMS += %D%/trickles
%C%_trickles_SOURCES = %D%/trickles.c %D%/cmd.h %D%/cmd_run.c %D%/cmd_status.c %D%/cmd_keygen.c %D%/cmd_ping.c
%C%_trickles_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_trickles_LDADD = %D%/libtools.la lib/ipc/libipc.la lib/crypto/libcrypto.la lib/core/libcore.la lib/base/libbase.la \
    $(JANSSON_LIBS) $(CRYPTO_LIBS) -lm

noinst_LTLIBRARIES += %D%/libtools.la
%C%_libtools_la_SOURCES = %D%/loadable.c %D%/loadable.h %D%/table.c %D%/table.h
