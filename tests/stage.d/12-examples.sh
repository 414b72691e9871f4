#!/bin/sh
# budget: 60
# The sources of the examples, as they are installed, build by their own makefile against the installed library.
set -eu
copy=$BUILD/check/examples
rm -rf "$copy"
cp -r "$STAGE/share/trickles/examples" "$copy"
PKG_CONFIG_PATH=$STAGE/lib/pkgconfig make -s -C "$copy" CFLAGS="-O2 -Wall -Wextra -Werror"
for program in httpd watermark tail session upload; do
    LD_LIBRARY_PATH=$STAGE/lib "$copy/$program" --help >/dev/null
done
