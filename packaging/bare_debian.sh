# shellcheck shell=sh disable=SC2154
# Sourced by the checks that make a bare Debian with debootstrap: what has to be there, cleaning up, and the root folder.
# The script that sources this sets `work` (a temporary folder) and `suite`.

# In a mount namespace of its own no mount outlives the script, however it ends.
need_root() {
    [ "$(id -u)" = 0 ] || { echo "this needs root (mount, chroot): sudo sh $0 $*" >&2; exit 2; }
    command -v debootstrap >/dev/null || { echo "this needs debootstrap: apt-get install debootstrap" >&2; exit 2; }
    if [ -z "${NTP_STUDIO_BARE_NAMESPACE:-}" ]; then
        NTP_STUDIO_BARE_NAMESPACE=1 exec unshare --mount --propagation private sh "$0" "$@"
    fi
}

clean_up() {
    status=$?
    trap - EXIT INT TERM HUP
    [ -z "${screen:-}" ] || kill "$screen" 2>/dev/null || true
    # Mounts first, the deepest first; --one-file-system keeps rm off whatever could not be unmounted.
    awk -v under="$work/" 'index($2, under) == 1 { print $2 }' /proc/self/mounts | sort -r |
        while read -r mounted; do umount "$mounted" || umount -l "$mounted" || true; done
    if [ -n "${keep:-}" ]; then echo "kept: $work"; else rm -rf --one-file-system "$work"; fi
    exit "$status"
}
clean_up_at_the_end() {
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

title() { printf '\n== %s: %s\n' "$suite" "$*"; }
fail() {
    printf 'FAILED on %s: %s\n' "$suite" "$*" >&2
    exit 1
}

# make_bare FOLDER [OPTION...]: the smallest system of $suite in FOLDER, with this machine's network and apt settings.
make_bare() {
    bare=$1
    shift
    debootstrap --variant=minbase "$@" "$suite" "$bare" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap"; }
    rm -f "$bare"/var/cache/apt/archives/*.deb
    mount -t proc proc "$bare/proc"
    mkdir -p "$bare/dev/shm"
    mount -t tmpfs tmpfs "$bare/dev/shm"
    cp -L /etc/resolv.conf "$bare/etc/resolv.conf"
    apt-config dump | grep -E '^Acquire::(Check-|http|https|Retries)' >"$bare/etc/apt/apt.conf.d/99host" || true
}
