# Part of the one makefile: see Makefile.am.
lib_LTLIBRARIES += %D%/libtrickles.la
# Under clang the sanitizers' symbols come from the program.
trk_no_undefined =
if !SANITIZERS
if !FUZZERS
trk_no_undefined += -Wl,-z,defs
endif
endif
EXTRA_DIST += %D%/libtrickles.map
%C%_libtrickles_la_SOURCES = %D%/daemon.c %D%/epoll.c %D%/epoll.h %D%/exports.c %D%/hook_accept.c %D%/hook_bind.c \
    %D%/hook_connect.c %D%/hook_names.c %D%/hook_options.c %D%/hook_send.c %D%/hook_socket.c \
    %D%/init.c %D%/real.c %D%/real.h %D%/route.c %D%/rules.c %D%/rules.h %D%/shim.h %D%/spawn.c %D%/state.c \
    %D%/store.c %D%/store.h %D%/tag.c %D%/tag.h %D%/tcp.c %D%/trace.c
%C%_libtrickles_la_LIBADD = lib/ipc/libipc.la
# A module for LD_PRELOAD: no version in its file name. lib/ipc calls the C library by name; --wrap takes
# those calls past our own hooks.
%C%_libtrickles_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -Wl,-z,now $(trk_no_undefined) \
    -Wl,--version-script=$(srcdir)/%D%/libtrickles.map \
    -Wl,--wrap=socket,--wrap=connect,--wrap=getsockopt,--wrap=setsockopt,--wrap=sendmsg
%C%_libtrickles_la_DEPENDENCIES = lib/ipc/libipc.la %D%/libtrickles.map
