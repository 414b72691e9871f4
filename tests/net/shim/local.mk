# Part of the one makefile: see tests/net/local.mk. The shim alone, against a daemon made for tests.
noinst_PROGRAMS += %D%/mock_daemon
%C%_mock_daemon_SOURCES = %D%/mock_daemon.c
%C%_mock_daemon_LDADD = lib/ipc/libipc.la
check_PROGRAMS += %D%/conform
%C%_conform_SOURCES = %D%/conform.c
check_PROGRAMS += %D%/behave
%C%_behave_SOURCES = %D%/behave.c
%C%_behave_LDADD = lib/ipc/libipc.la -ldl
dist_check_SCRIPTS += %D%/shim.test
TESTS += %D%/shim.test
EXTRA_DIST += %D%/python_sockets.py
