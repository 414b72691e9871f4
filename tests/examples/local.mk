# Part of the one makefile: see Makefile.am. Handlers of examples/, driven event by event over a client in memory
# (fakemsk.h): each test includes its program, whose main() gets another name.
EXTRA_DIST += %D%/test_httpd.c %D%/test_watermark.c %D%/test_tail.c %D%/test_session.c %D%/test_upload.c \
    %D%/fakemsk.c %D%/fakemsk.h %D%/answers.h

if EXAMPLES
check_LTLIBRARIES += %D%/libfakemsk.la
%C%_libfakemsk_la_SOURCES = %D%/fakemsk.c %D%/fakemsk.h %D%/answers.h
%C%_libfakemsk_la_LIBADD = examples/libserve.la

example_tests = %D%/test_httpd %D%/test_watermark %D%/test_tail %D%/test_session %D%/test_upload
check_PROGRAMS += $(example_tests)
TESTS += $(example_tests)
example_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/examples
example_libs = %D%/libfakemsk.la $(CHECK_LIBS)

%C%_test_httpd_SOURCES = %D%/test_httpd.c examples/select.c examples/listing.c
%C%_test_httpd_CPPFLAGS = $(example_cppflags)
%C%_test_httpd_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_httpd_LDADD = $(example_libs)

%C%_test_watermark_SOURCES = %D%/test_watermark.c examples/picture.c examples/jpeg.c examples/png.c examples/caption.c
%C%_test_watermark_CPPFLAGS = $(example_cppflags)
%C%_test_watermark_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JPEG_CFLAGS) $(PNG_CFLAGS) $(FREETYPE_CFLAGS)
%C%_test_watermark_LDADD = $(example_libs) $(JPEG_LIBS) $(PNG_LIBS) $(FREETYPE_LIBS)

%C%_test_tail_SOURCES = %D%/test_tail.c
%C%_test_tail_CPPFLAGS = $(example_cppflags)
%C%_test_tail_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_tail_LDADD = $(example_libs)

%C%_test_session_SOURCES = %D%/test_session.c examples/password.c
%C%_test_session_CPPFLAGS = $(example_cppflags)
%C%_test_session_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
%C%_test_session_LDADD = $(example_libs) $(CRYPTO_LIBS)

%C%_test_upload_SOURCES = %D%/test_upload.c examples/sum.c
%C%_test_upload_CPPFLAGS = $(example_cppflags)
%C%_test_upload_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS)
%C%_test_upload_LDADD = $(example_libs) $(CRYPTO_LIBS)
endif
