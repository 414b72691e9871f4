# Alone in lib/ uses OpenSSL.
noinst_LTLIBRARIES += %D%/libcrypto.la
%C%_libcrypto_la_SOURCES = \
    %D%/hkdf.c %D%/hkdf.h \
    %D%/instance.c %D%/instance.h \
    %D%/keyring.c %D%/keyring.h \
    %D%/linefile.c %D%/linefile.h \
    %D%/random.c %D%/random.h \
    %D%/sealer.c %D%/sealer.h \
    %D%/secret.c %D%/secret.h \
    %D%/xaes.c %D%/xaes.h
%C%_libcrypto_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
%C%_libcrypto_la_LIBADD = $(CRYPTO_LIBS)
