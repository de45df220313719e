#!/bin/sh
# Put NTP Studio into a person's own folders, without root rights. Runs from the unpacked .run file; a second run (a
# newer version, say) takes the place of the first. Nothing is written outside of ~/.local (or where XDG_DATA_HOME says).
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
program=$HOME/.local/opt/ntp-studio
new=$program.new

# say TEXT: in the terminal, or in a window where there is none (a double-click in a file manager).
say() {
    printf '%s\n' "$1"
    if [ ! -t 1 ] && [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ -z "${NTP_STUDIO_QUIET:-}" ]; then
        if command -v zenity >/dev/null; then zenity --info --no-markup --title='NTP Studio' --text="$1" || true
        elif command -v kdialog >/dev/null; then kdialog --title 'NTP Studio' --msgbox "$1" || true
        elif command -v notify-send >/dev/null; then notify-send 'NTP Studio' "$1" || true
        fi
    fi
}
fail() {
    rm -rf "$new"
    say "NTP Studio was not installed: $1" >&2
    exit 1
}

case $HOME in
    *[\"\`\$\\%]*) fail "the name of your home folder ($HOME) has a character in it that menu entries cannot hold." ;;
    /*) ;;
    *) fail 'HOME does not say where your home folder is.' ;;
esac

mkdir -p "$HOME/.local/opt" || fail "the folder $HOME/.local/opt cannot be made."
rm -rf "$new"
mkdir "$new"
tar -xzf "$here/ntp-studio.tar.gz" -C "$new" --strip-components=1 --no-same-owner ||
    fail "there is no room in $HOME, or the file is damaged: download it again."
# Proves that this system's C library is new enough, before anything is replaced.
said=$("$new/ntp-studio" --version 2>&1) || fail "it does not start on this system. It says: $said"
cp "$here/uninstall.sh" "$new/uninstall.sh"
chmod 755 "$new/uninstall.sh"

if [ -d "$program" ]; then
    rm -rf "$program.old"
    mv "$program" "$program.old"
fi
mv "$new" "$program"
rm -rf "$program.old"

mkdir -p "$data/applications" "$data/mime/packages" "$HOME/.local/bin"
sed -e "s|^Exec=.*|Exec=\"$program/ntp-studio\" %f|" -e "s|^TryExec=.*|TryExec=$program/ntp-studio|" \
    "$here/ntp-studio.desktop" >"$data/applications/ntp-studio.desktop"
cp "$here/ntp-studio.xml" "$data/mime/packages/ntp-studio.xml"
(cd "$here/icons" && find hicolor -type f) | while read -r icon; do
    mkdir -p "$data/icons/$(dirname "$icon")"
    cp "$here/icons/$icon" "$data/icons/$icon"
done
ln -sf "$program/ntp-studio" "$HOME/.local/bin/ntp-studio"
sh "$program/uninstall.sh" --refresh

say "NTP Studio is installed: you find it in your menu. To remove it, run $program/uninstall.sh"
