# Part of the one makefile: see Makefile.am. Programs go to libexec/trickles/examples; the sources, with a makefile that
# builds them anywhere, to share/trickles/examples.
examplesdir = $(pkgdatadir)/examples
examples_sources = %D%/serve.c %D%/serve.h %D%/web.c %D%/web.h \
    %D%/httpd.c %D%/select.c %D%/select.h %D%/listing.c %D%/listing.h
EXTRA_DIST += $(examples_sources) %D%/Makefile

if EXAMPLES
examples_DATA = $(examples_sources) %D%/Makefile

# What all of them share.
noinst_LTLIBRARIES += %D%/libserve.la
%C%_libserve_la_SOURCES = %D%/serve.c %D%/serve.h %D%/web.c %D%/web.h
%C%_libserve_la_LIBADD = $(HTTP_PARSER_LIBS)

examplesexecdir = $(pkglibexecdir)/examples
examplesexec_PROGRAMS = %D%/httpd

%C%_httpd_SOURCES = %D%/httpd.c %D%/select.c %D%/select.h %D%/listing.c %D%/listing.h
%C%_httpd_LDADD = %D%/libserve.la lib/mini/libminisocket.la
endif
