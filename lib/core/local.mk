# Part of the one makefile: see Makefile.am. No I/O, no clock, no allocation in here: checked by a test.
noinst_LTLIBRARIES += %D%/libcore.la
%C%_libcore_la_SOURCES = \
    %D%/seal.h \
    %D%/ucont.c %D%/ucont.h %D%/ticket.c %D%/ticket.h %D%/handed.c %D%/handed.h %D%/reasm.c %D%/reasm.h \
    %D%/mini.c %D%/mini_plan.c %D%/mini.h \
    %D%/bundle.c %D%/bundle.h \
    %D%/ucont.h %D%/ticket.h %D%/reasm.h %D%/mini.h \
    %D%/wire.c %D%/wire.h \
    %D%/law.c %D%/law.h %D%/law_reno.c \
    %D%/cont.c %D%/cont.h \
    %D%/replay.c %D%/replay.h \
    %D%/proof.c %D%/proof.h \
    %D%/server.c %D%/server_answer.c %D%/server.h \
    %D%/credit.c %D%/credit.h \
    %D%/soft.c %D%/soft.h \
    %D%/pace.h %D%/rtt.h \
    %D%/track.c %D%/track.h \
    %D%/sndbuf.c %D%/sndbuf.h \
    %D%/client.c %D%/client_epoch.c %D%/client_ask.c %D%/client_request.c %D%/client_up.c \
    %D%/client_ucont.c \
    %D%/client.h %D%/client_int.h
