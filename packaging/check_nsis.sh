#!/bin/sh
# Compile the Windows installer's script, warnings as errors, around a small stand-in for the program, and where there is
# Wine let it install, upgrade and remove that. Needs what `install_tools.sh windows` installs; Wine is `wine64`.
#
#   sh packaging/check_nsis.sh ICON.ico
#
# What this cannot show: that the program itself runs on Windows.
set -eu

[ "$#" = 1 ] || { echo "usage: sh packaging/check_nsis.sh ICON.ico" >&2; exit 2; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
icon=$(CDPATH='' cd -- "$(dirname -- "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/ntp-studio-nsis.XXXXXX")
wine=$(command -v wine64 || PATH=$PATH:/usr/lib/wine command -v wine64 || true)
server=$(command -v wineserver || PATH=$PATH:/usr/lib/wine command -v wineserver || true)
clean_up() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$server" ]; then WINEPREFIX=$work/wine "$server" -k 2>/dev/null || true; fi
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

mkdir -p "$work/payload/_internal/a folder/deep"
echo 'MZ, not a program' >"$work/payload/ntp-studio.exe"
echo one >"$work/payload/_internal/base_library.zip"
echo two >"$work/payload/_internal/a folder/deep/ünïcode ↵.txt"

compile() { # VERSION
    makensis -V2 -WX -DAMD64 -DFAST -DVERSION="$1" -DPAYLOAD="$work/payload" -DICON="$icon" \
        -DOUTPUT="$work/setup-$1.exe" "$here/windows/ntp-studio.nsi"
}
compile 0.1.0 || fail "the script does not compile"
cp -r "$work/payload" "$work/old"
rm "$work/payload/_internal/base_library.zip"
echo three >"$work/payload/_internal/new.txt"
compile 0.2.0
cp -r "$work/payload" "$work/new"
if makensis -V1 -WX -DAMD64 -DFAST -DPAYLOAD="$work/payload" "$here/windows/ntp-studio.nsi" >/dev/null 2>&1; then
    fail "it compiles without a version"
fi
echo "compiled with warnings as errors"

if [ -z "$wine" ] || [ -z "$server" ]; then
    echo 'NOT DONE: there is no wine64 here, so the installer for Windows was compiled and not run'
    exit 0
fi
export WINEPREFIX="$work/wine" WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=;winemenubuilder.exe='
unset DISPLAY
run() { timeout 120 "$wine" "$@" </dev/null 2>/dev/null; }
run wineboot --init || fail "Wine does not start"
local_data=$(echo "$work"/wine/drive_c/users/*/AppData/Local)
program="$local_data/Programs/NTP Studio"
value() { run reg query "$1" /v "$2" | tr -d '\r' | sed -n "s/^ *$2 *REG_[A-Z_]* *//p"; }
key='HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\NTPStudio'

installed() { # VERSION FOLDER
    diff -r --exclude=uninstall.exe "$2" "$program" || fail "$1: other files than those packed"
    [ -f "$program/uninstall.exe" ] || fail "$1: no uninstaller"
    [ "$(value "$key" DisplayVersion)" = "$1" ] || fail "$1: Windows is told another version"
    run reg query 'HKCU\Software\Classes\NTPStudio.Text\shell\open\command' | grep -qF 'ntp-studio.exe" "%1"' ||
        fail "$1: the file type opens nothing"
    find "$work/wine/drive_c/users" -name 'NTP Studio.lnk' -path '*Start Menu*' | grep -q . || fail "$1: no Start-menu entry"
    echo "$1: files, Start-menu entry, file type and uninstaller are there"
}
run "$work/setup-0.1.0.exe" /S || fail "the silent installation ends with status $?"
installed 0.1.0 "$work/old"
run "$work/setup-0.2.0.exe" /S || fail "the upgrade ends with status $?"
installed 0.2.0 "$work/new"
echo mine >"$program/mine.txt"
# It copies itself away, so that it can remove itself, and goes on there: its end is not its work's.
run "$program/uninstall.exe" /S || fail "the uninstaller ends with status $?"
patience=60
while [ -e "$program/uninstall.exe" ] || run reg query "$key" >/dev/null; do
    patience=$((patience - 1))
    [ "$patience" -gt 0 ] || fail "the uninstaller does not come to an end"
    sleep 0.5
done
[ -f "$program/mine.txt" ] || fail "a person's own file was removed"
rm -f "$program/mine.txt"
[ -z "$(find "$program" -type f 2>/dev/null)" ] || { find "$program"; fail "files are left"; }
if find "$work/wine/drive_c/users" -name 'NTP Studio.lnk' | grep .; then fail "a shortcut is left"; fi
if run reg query 'HKCU\Software\Classes\.ntpstudio' >/dev/null; then fail "the file type is left"; fi
echo "removed: nothing is left but a person's own file"
