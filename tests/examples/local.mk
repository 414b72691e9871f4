# Part of the one makefile: see Makefile.am. Handlers of examples/, driven event by event over a client in memory
# (fakemsk.h): each test includes its program, whose main() gets another name.
EXTRA_DIST += %D%/test_httpd.c \
    %D%/fakemsk.c %D%/fakemsk.h %D%/answers.h

if EXAMPLES
check_LTLIBRARIES += %D%/libfakemsk.la
%C%_libfakemsk_la_SOURCES = %D%/fakemsk.c %D%/fakemsk.h %D%/answers.h
%C%_libfakemsk_la_LIBADD = examples/libserve.la

example_tests = %D%/test_httpd
check_PROGRAMS += $(example_tests)
TESTS += $(example_tests)
example_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/examples
example_libs = %D%/libfakemsk.la $(CHECK_LIBS)

%C%_test_httpd_SOURCES = %D%/test_httpd.c examples/select.c examples/listing.c
%C%_test_httpd_CPPFLAGS = $(example_cppflags)
%C%_test_httpd_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_httpd_LDADD = $(example_libs)
endif
