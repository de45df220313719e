#!/bin/sh
# What the building and checking of installers needs of Debian or Ubuntu, installed with apt-get (as root or by sudo).
#
#   sh packaging/install_tools.sh build|check|windows|wine...
set -eu

packages=''
for group in "$@"; do
    case $group in
        # readelf, strip and ldd; makeself; and the libraries that Qt's plug-ins are linked against: what is not on the
        # building machine is not collected.
        build) more='binutils makeself fontconfig-config xkb-data libegl1 libgl1 libxcb1 libx11-xcb1
            libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0
            libxcb-shape0 libxcb-xkb1 libwayland-client0 libwayland-cursor0 libwayland-egl1 libdbus-1-3' ;;
        # A virtual screen with a window manager, hands for it, and what a desktop has to read menu entries.
        check) more='xvfb xauth xdotool openbox x11-utils scrot desktop-file-utils shared-mime-info libglib2.0-bin
            shellcheck' ;;
        windows) more='nsis' ;;
        wine) more='wine64' ;;
        *) echo "unknown group $group: build, check, windows or wine" >&2; exit 2 ;;
    esac
    packages="$packages $more"
done

missing=''
for package in $packages; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || state=''
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then as_root=''; else as_root=sudo; fi
echo "installing with apt-get:$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null || echo 'apt-get update did not finish'
# shellcheck disable=SC2086  # a list of package names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
