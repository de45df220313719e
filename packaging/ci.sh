#!/bin/sh
# All checks of the installers that one Linux machine can make, for .ci/run: on Debian or Ubuntu, as root.
set -u

cd "$(dirname -- "$0")/.." || exit 1
failed=''
# part WHY COMMAND...: goes on after a failure, so that one run shows all of them.
part() {
    why=$1
    shift
    printf '\n---- %s: %s\n' "$why" "$*"
    "$@" || failed="$failed $why;"
}
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo 'the installers are built and tried on Debian or Ubuntu as root only: apt-get puts them in and takes them out' >&2
    exit 1
fi
out=build/out
rm -rf "$out"
part 'tools' sh packaging/install_tools.sh build check windows
sh packaging/install_tools.sh wine ||
    echo 'NOT DONE: apt-get has no wine64 here; the installer for Windows is compiled and not run'
part 'shell scripts' shellcheck packaging/*.sh packaging/linux/*.sh packaging/macos/*.sh
part 'workflow and dependencies' sh packaging/check_elsewhere.sh
part 'installers for Linux' sh packaging/build_linux.sh --fast "$out"
part 'installer for Windows' sh packaging/check_nsis.sh build/work/ntp-studio/icons/ntp-studio.ico
part 'installed, used, removed' sh packaging/check_installer.sh "$out"

if [ -n "$failed" ]; then
    printf '\nFAILED:%s\n' "$failed" >&2
    exit 1
fi
printf '\nthe installers: all checks passed\n'
