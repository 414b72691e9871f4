# Part of the one makefile: see Makefile.am.

# test_link
check_PROGRAMS += %D%/test_link
TESTS += %D%/test_link
%C%_test_link_SOURCES = %D%/test_link.c
%C%_test_link_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/net
%C%_test_link_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_link_LDADD = tests/net/liblink.la $(CHECK_LIBS)
