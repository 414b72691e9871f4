# build.sh: builds in build/ and installs into build/stage. Sourced by ./check and ./quickstart, which stand in the source
# folder then.

# Which shell configure and libtool run in: bash, which configure would take, makes every compilation by libtool twice as
# long.
CONFIG_SHELL=/bin/sh
export CONFIG_SHELL
BUILD_JOBS=$(nproc 2>/dev/null || echo 2)

# $1 is the build folder, the rest are configure's arguments. Configures only if they have changed.
build_configure() (
    folder=$1
    shift
    mkdir -p "$folder"
    source=$PWD
    [ -x configure ] || ./autogen.sh
    cd "$folder"
    [ -f Makefile ] && [ "$(cat .configured 2>/dev/null)" = "$*" ] && exit 0
    "$source/configure" --quiet "$@"
    printf '%s\n' "$*" >.configured
)

# Builds and installs; the arguments are added to configure's.
build_stage() {
    build_configure build --prefix="$PWD/build/stage" "$@" &&
        make -s -C build -j"$BUILD_JOBS" &&
        make -s -C build install
}
