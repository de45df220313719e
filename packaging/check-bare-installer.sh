#!/bin/sh
# Prove on a bare Debian, made fresh for it, that the package brings everything it needs: no Python there, no Qt, no font.
#
#   sh packaging/check-bare-installer.sh OUT [SUITE...]      (bookworm and trixie unless named)
#
# For each suite a root folder with the smallest system (debootstrap); in it apt installs the .deb that build_linux.sh
# left in OUT, the self-test runs as an ordinary user without a screen and, where Xvfb is here, on a screen, and apt
# removes the package. Needs root, debootstrap and a Debian mirror.
set -eu

[ "$#" -ge 1 ] || { echo "usage: sh packaging/check-bare-installer.sh OUT [SUITE...]" >&2; exit 2; }
# shellcheck source=packaging/bare_debian.sh
. "$(dirname -- "$0")/bare_debian.sh"
need_root "$@"

deb=$(echo "$1"/ntp-studio_*_amd64.deb)
[ -f "$deb" ] || { echo "there is not one .deb in $1" >&2; exit 2; }
shift
[ "$#" -gt 0 ] || set -- bookworm trixie
work=$(mktemp -d "${TMPDIR:-/tmp}/ntp-studio-bare.XXXXXX")
screen=''
clean_up_at_the_end

# inside COMMAND...: in the bare system, with the environment of a log-in.
inside() {
    chroot ${user:+"--userspec=$user"} "$bare" /usr/bin/env -i HOME=/tmp/home USER=somebody LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null
}
# selftest WHAT ENVIRONMENT...
selftest() {
    title "self-test $1"
    shift
    inside env "$@" /opt/ntp-studio/ntp-studio --selftest >"$work/selftest.txt" 2>&1 ||
        { cat "$work/selftest.txt"; fail "the self-test"; }
    grep -E 'after the start|pixels|passed' "$work/selftest.txt"
}
# A listing of all that is there, but for what apt and dpkg write down of their work.
listing() { (cd "$bare" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache \
    -o -path ./var/log -o -path ./tmp -o -path ./dev \) -prune -o -print | sort); }

if command -v Xvfb >/dev/null; then
    for number in 81 82 83 84 85; do [ -e "/tmp/.X11-unix/X$number" ] || break; done
    Xvfb ":$number" -screen 0 1600x1000x24 -nolisten tcp >"$work/xvfb.log" 2>&1 &
    screen=$!
fi

for suite in "$@"; do
    bare=$work/$suite user=''
    title "a minimal system"
    make_bare "$bare"
    mkdir -m 777 "$bare/tmp/home"
    echo "$(inside dpkg-query --show | wc -l) packages, $(inside sh -c 'command -v python3' || echo 'no Python')"
    cp "$deb" "$bare/tmp/"
    inside apt-get update -q >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; fail "apt-get update"; }

    title "apt-get install"
    listing >"$work/before"
    inside apt-get install -y -q --no-install-recommends "/tmp/$(basename "$deb")" >"$work/apt.log" 2>&1 ||
        { cat "$work/apt.log"; fail "apt-get install"; }
    echo "with it came $(grep -c '^Setting up' "$work/apt.log") packages in all"
    inside ntp-studio --version

    user=nobody
    selftest "without a screen" QT_QPA_PLATFORM=offscreen
    if [ -n "$screen" ]; then
        mkdir -p "$bare/tmp/.X11-unix"
        mount --bind /tmp/.X11-unix "$bare/tmp/.X11-unix"
        selftest "on a screen" "DISPLAY=:$number"
        umount "$bare/tmp/.X11-unix"
    else
        echo 'NOT DONE: there is no Xvfb here, so no window was opened on a screen'
    fi
    user=''

    title "apt-get remove"
    inside apt-get purge -y -q --autoremove ntp-studio >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; fail "removal"; }
    listing >"$work/after"
    # What the packages it needed leave behind (a cache of fonts, say) is theirs.
    comm -13 "$work/before" "$work/after" >"$work/left"
    if grep ntp-studio "$work/left"; then fail "something is left"; fi
    [ ! -e "$bare/opt/ntp-studio" ] || fail "/opt/ntp-studio is left"
    echo "nothing of it is left; of the packages that came with it: $(wc -l <"$work/left") files"
    umount "$bare/dev/shm" "$bare/proc"
    rm -rf --one-file-system "$bare"
done
suite="$*"
title "all passed"
