#!/bin/sh
# README: every file and folder that it names exists; every page that it names is there. A tour that leads nowhere is worse
# than none.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
bad=0
dir=
while IFS= read -r line; do
    case $line in
        '  '[a-z]*/*)
            first=${line#  }
            dir=${first%% *}
            ;;
        [A-Z]*) dir= ;;
    esac
    for word in $(printf '%s\n' "$line" | grep -oE '[A-Za-z0-9_./-]+'); do
        word=${word%.}
        case $word in
            http*|*//*) continue ;;
            lib/* | include/* | tests/* | tools/* | man/* | daemon/* | preload/* | contrib/* | examples/* | ./check | ./quickstart | ./autogen.sh)
                path=$word
                ;;
            core/*) path=lib/$word ;;
            *.h | *.c | *.sh) path=$dir$word ;;
            *) continue ;;
        esac
        if [ ! -e "$srcdir/$path" ]; then
            echo "README names $word, and there is no $path"
            bad=1
        fi
    done
done <"$srcdir/README"
for page in $(grep -oE '\b(lib)?trickle[a-z.-]*\([1-8]\)' "$srcdir/README" | sort -u); do
    file=$(printf '%s' "$page" | sed 's/(\(.\))/.\1/')
    if [ ! -e "$srcdir/man/$file" ]; then
        echo "README names $page, and there is no man/$file"
        bad=1
    fi
done
[ "$bad" -eq 0 ] && echo "the tour leads somewhere"
exit "$bad"
