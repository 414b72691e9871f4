#!/bin/sh
# Who may include whom: the table below is the module plan. First the scan is shown trees with one fault each, so that it
# is known to find them; then the real one.
set -eu

# folder: the modules whose headers its files may include
table='
lib/base:   base
lib/core:   base core
lib/crypto: base core crypto
lib/io:     base io
lib/ipc:    base ipc
lib/trace:  base trace
lib/mini:   base core crypto io ipc trace mini trickles
preload:    base ipc preload
daemon:     base core crypto io ipc trace daemon
tools:      base core crypto io ipc trace tools
'

# Only these folders may include headers of that library.
libraries='
openssl/: lib/crypto
uv.h: daemon
confuse.h: daemon
'

# The engine asks the system for nothing, so it needs none of its headers; sys/uio.h is struct iovec, a type.
core_headers='^(assert|errno|inttypes|limits|stdbool|stddef|stdint|string|sys/uio)\.h$'

# Lines "file<TAB>form<TAB>header" for all includes under the folder $1; form is < or ".
includes() {
    find "$1" -name '*.[ch]' | sort | while read -r file; do
        sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"]\)\([^>"]*\)[>"].*/\1\t\2/p' "$file" | sed "s|^|$file\t|"
    done
}

# $1: folder, $2: allowed modules. Prints faults.
scan_folder() {
    tab=$(printf '\t')
    includes "$1" | while IFS=$tab read -r file form header; do
        case "$form$header" in
            '"config.h') ;;
            '"'*../*) echo "$file: \"$header\": no way up: name the module" ;;
            '"'*/*)
                case " $2 " in
                    *" ${header%%/*} "*) ;;
                    *) [ -e "$1/$header" ] || echo "$file: \"$header\": $1 may include only: $2" ;;
                esac
                ;;
            '"'*)
                [ -e "$(dirname "$file")/$header" ] || [ -e "include/$header" ] || [ -e "$1/$header" ] ||
                    echo "$file: \"$header\": not in its folder"
                ;;
            *)
                if [ "$1" = lib/core ] && ! echo "$header" | grep -Eq "$core_headers"; then
                    echo "$file: <$header>: lib/core never calls the system"
                fi
                echo "$libraries" | while IFS=': ' read -r library owner; do
                    [ -n "$library" ] || continue
                    case "$header" in
                        "$library"*) [ "$1" = "$owner" ] || echo "$file: <$header>: only $owner may" ;;
                    esac
                done
                ;;
        esac
    done
}

# Scans the tree at $1; prints faults.
scan() (
    cd "$1"
    echo "$table" | while IFS=: read -r folder allowed; do
        if [ -n "$folder" ] && [ -d "$folder" ]; then
            scan_folder "$folder" "$(echo $allowed)"
        fi
    done
    for folder in lib/*/; do
        folder=${folder%/}
        case "$table" in
            *"
$folder:"*) ;;
            *) echo "$folder: not in the table of tests/unit/include_scan.sh" ;;
        esac
    done
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# $1: file, $2: its include line, $3: what must be said, or nothing.
expect() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/lib/core" "$work/tree/$(dirname "$1")"
    printf '#include %s\n' "$2" >"$work/tree/$1"
    said=$(scan "$work/tree")
    case "$said" in
        *"$3"*) [ -n "$3" ] || [ -z "$said" ] || { echo "$1 with $2: found a fault: $said"; exit 1; } ;;
        *) echo "$1 with $2: said \"$said\", not \"$3\""; exit 1 ;;
    esac
}

expect lib/core/a.c '"base/cursor.h"' ''
expect lib/core/a.c '<stdint.h>' ''
expect lib/core/a.c '"io/udp.h"' 'may include only'
expect lib/core/a.c '<unistd.h>' 'never calls the system'
expect lib/core/a.c '<sys/socket.h>' 'never calls the system'
expect lib/core/a.c '"../io/udp.h"' 'no way up'
expect lib/base/a.h '"core/wire.h"' 'may include only'
expect lib/base/a.h '"missing.h"' 'not in its folder'
expect lib/io/a.c '<openssl/evp.h>' 'only lib/crypto'
expect lib/crypto/a.c '<openssl/evp.h>' ''
expect preload/a.c '"core/wire.h"' 'may include only'
expect tools/a.c '<uv.h>' 'only daemon'
expect lib/new/a.c '<stdio.h>' 'not in the table'

said=$(scan "${srcdir:-.}")
if [ -n "$said" ]; then
    echo "$said"
    exit 1
fi
