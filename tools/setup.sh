# setup.sh: installs what is missing of tools/packages.txt. Sourced by ./check and ./quickstart, which stand in the source
# folder then. TRK_NO_SETUP=1 skips it.

setup_missing() {
    sed 's/#.*//' tools/packages.txt | while read -r package; do
        [ -n "$package" ] || continue
        # A package counts too when another provides it (pkgconf is pkg-config on newer systems).
        status=$(dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null || true)
        case "$status" in
            *'install ok installed'*) ;;
            *) echo "$package" ;;
        esac
    done
}

# As root or through sudo; $1... is the command.
setup_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Services that come with a package must not start: tests start their own, as they need them. A file that says so, for as
# long as the installation takes.
setup_install() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'setup_as_root rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        setup_as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy" || exit 1
    fi
    apt="apt-get -y -q -o DPkg::Lock::Timeout=300"
    setup_as_root env DEBIAN_FRONTEND=noninteractive $apt update || echo "no fresh lists; trying with the old ones"
    setup_as_root env DEBIAN_FRONTEND=noninteractive $apt install --no-install-recommends "$@" || exit 1
    # Nor at the next boot.
    if [ -d /run/systemd/system ]; then
        for service in nginx redis-server; do
            case " $* " in
                *" $service "*) setup_as_root systemctl disable --quiet "$service" ;;
            esac
        done
    fi
)

setup() {
    [ -z "${TRK_NO_SETUP:-}" ] || return 0
    if ! command -v dpkg-query >/dev/null 2>&1; then
        echo "setup: not a Debian system. Install the counterparts of tools/packages.txt yourself, then run this" >&2
        echo "again with TRK_NO_SETUP=1." >&2
        return 1
    fi
    missing=$(setup_missing | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        echo "setup: these packages are missing: $missing" >&2
        echo "Run this as root, or install sudo, or have them installed." >&2
        return 1
    fi
    echo "setup: installing $missing"
    mkdir -p build
    if ! setup_install $missing >build/setup.log 2>&1; then
        tail -n 20 build/setup.log >&2
        echo "setup: the installation failed; the whole log is build/setup.log" >&2
        return 1
    fi
}
