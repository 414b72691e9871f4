# Part of the one makefile: see Makefile.am. Programs go to libexec/trickles/examples; the sources, with a makefile that
# builds them anywhere, to share/trickles/examples.
examplesdir = $(pkgdatadir)/examples
examples_sources = %D%/serve.c %D%/serve.h %D%/web.c %D%/web.h \
    %D%/httpd.c %D%/select.c %D%/select.h %D%/listing.c %D%/listing.h \
    %D%/watermark.c %D%/picture.c %D%/picture.h %D%/jpeg.c %D%/png.c %D%/caption.c \
    %D%/tail.c %D%/session.c %D%/password.c %D%/password.h \
    %D%/upload.c %D%/sum.c %D%/sum.h
EXTRA_DIST += $(examples_sources) %D%/Makefile

if EXAMPLES
examples_DATA = $(examples_sources) %D%/Makefile

# What all of them share.
noinst_LTLIBRARIES += %D%/libserve.la
%C%_libserve_la_SOURCES = %D%/serve.c %D%/serve.h %D%/web.c %D%/web.h
%C%_libserve_la_LIBADD = $(HTTP_PARSER_LIBS)

examplesexecdir = $(pkglibexecdir)/examples
examplesexec_PROGRAMS = %D%/httpd %D%/watermark %D%/tail %D%/session %D%/upload

%C%_httpd_SOURCES = %D%/httpd.c %D%/select.c %D%/select.h %D%/listing.c %D%/listing.h
%C%_httpd_LDADD = %D%/libserve.la lib/mini/libminisocket.la

%C%_watermark_SOURCES = %D%/watermark.c %D%/picture.c %D%/picture.h %D%/jpeg.c %D%/png.c %D%/caption.c
%C%_watermark_CFLAGS = $(AM_CFLAGS) $(JPEG_CFLAGS) $(PNG_CFLAGS) $(FREETYPE_CFLAGS)
%C%_watermark_LDADD = %D%/libserve.la lib/mini/libminisocket.la $(JPEG_LIBS) $(PNG_LIBS) $(FREETYPE_LIBS)

%C%_tail_SOURCES = %D%/tail.c
%C%_tail_LDADD = %D%/libserve.la lib/mini/libminisocket.la

%C%_session_SOURCES = %D%/session.c %D%/password.c %D%/password.h
%C%_session_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
%C%_session_LDADD = %D%/libserve.la lib/mini/libminisocket.la $(CRYPTO_LIBS)

%C%_upload_SOURCES = %D%/upload.c %D%/sum.c %D%/sum.h
%C%_upload_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
%C%_upload_LDADD = %D%/libserve.la lib/mini/libminisocket.la $(CRYPTO_LIBS)
endif
