#!/bin/sh
# Remove what install.sh put into a person's folders. Settings and saved texts stay.
#   uninstall.sh             remove
#   uninstall.sh --refresh   only tell the desktop that menu entries and file types have changed
set -eu

data=${XDG_DATA_HOME:-$HOME/.local/share}
program=$HOME/.local/opt/ntp-studio

refresh() {
    if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$data/applications" || true; fi
    if command -v update-mime-database >/dev/null; then update-mime-database "$data/mime" >/dev/null 2>&1 || true; fi
}

if [ "${1:-}" = --refresh ]; then
    refresh
    exit 0
fi

rm -f "$data/applications/ntp-studio.desktop" "$data/mime/packages/ntp-studio.xml"
find "$data/icons/hicolor" -name 'ntp-studio.*' -type f -delete 2>/dev/null || true
if [ "$(readlink "$HOME/.local/bin/ntp-studio" 2>/dev/null)" = "$program/ntp-studio" ]; then
    rm -f "$HOME/.local/bin/ntp-studio"
fi
refresh
# What the refreshing wrote is an empty cache where nothing else is installed.
if [ "$(cat "$data/applications/mimeinfo.cache" 2>/dev/null)" = '[MIME Cache]' ]; then
    rm -f "$data/applications/mimeinfo.cache"
fi
if rmdir "$data/mime/packages" 2>/dev/null; then
    # No other program has a file type here: what is left was written by the refreshing, and is of no use.
    for name in XMLnamespaces aliases generic-icons globs globs2 icons magic mime.cache subclasses treemagic types \
        version; do
        rm -f "$data/mime/$name"
    done
    find "$data/mime" -type d -empty -delete
fi
if [ -d "$data/icons/hicolor" ]; then find "$data/icons" -type d -empty -delete; fi
rm -rf "$program"
rmdir "$data/applications" "$HOME/.local/opt" "$HOME/.local/bin" "$data" "$HOME/.local" 2>/dev/null || true
echo 'NTP Studio is removed. Your settings and texts are still there.'
