#!/bin/sh
# Install what build_linux.sh made, as a person would, use it, and remove it again. For Debian and Ubuntu, as root.
#
#   sh packaging/check_installer.sh OUT [PICTURE.png]
#
# The Debian package: apt, the self-test without and with a screen, a click on the menu entry, mouse and keyboard, a
# saved text opened by its file type, an upgrade, and the removal. Then the .run file, as somebody without root rights.
# Needs what `install_tools.sh check` installs. The picture is of the installed program in use.
set -eu

[ "$#" -ge 1 ] || { echo "usage: sh packaging/check_installer.sh OUT [PICTURE.png]" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "this needs root (apt-get, another user): sudo sh $0 $*" >&2; exit 2; }
out=$(CDPATH='' cd -- "$1" && pwd)
picture=${2:-}
deb=$(echo "$out"/ntp-studio_*_amd64.deb)
run=$(echo "$out"/ntp-studio-*-linux-x86_64.run)
for file in "$deb" "$run"; do
    [ -f "$file" ] || { echo "there are not both installers, each once, in $out" >&2; exit 2; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/ntp-studio-check.XXXXXX")
chmod 755 "$work"
screens=''
clean_up() {
    status=$?
    trap - EXIT INT TERM HUP
    for process in $screens; do kill "$process" 2>/dev/null || true; done
    if dpkg-query --status ntp-studio >/dev/null 2>&1; then
        dpkg --purge ntp-studio >/dev/null 2>&1 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

began=$(date +%s)
title() { printf '\n-- %s s: %s\n' "$(($(date +%s) - began))" "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
# until_true SECONDS WHAT COMMAND...: waits for it; what it prints last is printed.
until_true() {
    patience=$(($1 * 10)) what=$2
    shift 2
    until answer=$("$@" 2>/dev/null) && [ -n "$answer" ]; do
        patience=$((patience - 1))
        [ "$patience" -gt 0 ] || fail "waited in vain for $what"
        sleep 0.1
    done
    printf '%s\n' "$answer"
}
# as_person HOME COMMAND...: as somebody who has an empty home folder, no root rights and no network.
as_person() {
    home=$1
    shift
    mkdir -p "$home"
    chown 23456:23456 "$home"
    network=''
    if unshare --net true 2>/dev/null; then network='unshare --net'; fi
    # shellcheck disable=SC2086  # a command and its option
    (cd "$home" && $network setpriv --reuid=23456 --regid=23456 --clear-groups env -i HOME="$home" USER=person \
        LOGNAME=person LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin "$@")
}
# selftest NAME COMMAND...: must pass, told by its status and by its report.
selftest() {
    name=$1
    shift
    as_person "$work/$name" "$@" --selftest --report "$work/$name/report.txt" >/dev/null 2>"$work/$name.err" ||
        { cat "$work/$name/report.txt" "$work/$name.err"; fail "self-test: $name"; }
    grep -E 'after the start|points?$|pixels|passed' "$work/$name/report.txt"
    grep -q '^The self-test passed' "$work/$name/report.txt" || fail "self-test: $name: the report says nothing"
}

# -- the Debian package

title "$(basename "$deb"), $(($(stat -c %s "$deb") / 1000000)) MB"
dpkg-deb --field "$deb" Depends Installed-Size
find /opt /usr /etc /var -xdev -name "*ntp-studio*" >"$work/before" 2>/dev/null || true
[ ! -e /opt/ntp-studio ] || fail "/opt/ntp-studio is there already"

title "apt-get install"
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$deb" >"$work/apt.log" 2>&1 ||
    { cat "$work/apt.log"; fail "apt-get install"; }
dpkg --listfiles ntp-studio | sort >"$work/files"
echo "$(wc -l <"$work/files") files and folders"
dpkg --verify ntp-studio
if find /opt/ntp-studio \( -not -user root -o -not -group root -o -perm /022 -not -type l \) -print | grep .; then
    fail "somebody else may change these"
fi
[ "$(ntp-studio --version)" = "ntp-studio $(dpkg-deb --field "$deb" Version)" ] || fail "ntp-studio --version"
for text in README.txt "NTP Studio/LICENSE"; do
    [ -s "/opt/ntp-studio/_internal/licences/$text" ] || fail "no licence text: $text"
done
grep -rql 'GNU LESSER GENERAL PUBLIC LICENSE' /opt/ntp-studio/_internal/licences || fail "no LGPL text"
desktop-file-validate /usr/share/applications/ntp-studio.desktop || fail "the menu entry is not valid"
echo '{}' >"$work/text.ntpstudio"
[ "$(gio info -a standard::content-type "$work/text.ntpstudio" | sed -n 's/.*content-type: //p')" = application/x-ntp-studio ] ||
    fail "a saved text has no file type of its own"

title "self-test without a screen"
selftest offscreen env QT_QPA_PLATFORM=offscreen ntp-studio
title "self-test without any standard stream"
as_person "$work/closed" sh -c 'exec env QT_QPA_PLATFORM=offscreen ntp-studio --selftest <&- >&- 2>&-' ||
    fail "self-test without streams: status $?"
echo passed

title "a screen with a window manager"
for number in 91 92 93 94 95 96 97 98; do [ -e "/tmp/.X11-unix/X$number" ] || break; done
export DISPLAY=":$number"
Xvfb "$DISPLAY" -screen 0 1600x1000x24 -nolisten tcp >"$work/xvfb.log" 2>&1 &
screens="$screens $!"
until_true 20 "the screen" sh -c 'xdpyinfo | head -n 1' >/dev/null
openbox --sm-disable >"$work/openbox.log" 2>&1 &
screens="$screens $!"
selftest screen env DISPLAY="$DISPLAY" ntp-studio

title "a click on the menu entry"
# The desktop starts programs with a home folder and no terminal.
mkdir -p "$work/home"
desktop() { env HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config" NO_AT_BRIDGE=1 "$@" </dev/null >/dev/null 2>"$work/gio.err"; }
clicked=$(date +%s%N)
desktop gio launch /usr/share/applications/ntp-studio.desktop || fail "gio launch"
window=$(until_true 30 "the window" xdotool search --onlyvisible --name '^NTP Studio$')
echo "the window after $((($(date +%s%N) - clicked) / 1000000)) ms"
program=$(xdotool getwindowpid "$window")
[ "$(readlink "/proc/$program/exe")" = /opt/ntp-studio/ntp-studio ] || fail "another program's window"
class=$(xprop -id "$window" WM_CLASS)
echo "$class"
wanted=$(sed -n 's/^StartupWMClass=//p' /usr/share/applications/ntp-studio.desktop)
case $class in
    *"\"$wanted\""*) ;;
    *) fail "the window does not belong to the menu entry: $wanted is not in $class" ;;
esac
xprop -id "$window" _NET_WM_ICON | head -n 3 | grep -q . || fail "the window has no icon"

title "keyboard and mouse"
xdotool windowactivate --sync "$window"
dialog() { # asks for it, and looks whether it is there: as soon as there is a text, which is when the model has read it
    xdotool key ctrl+s
    sleep 0.5
    xdotool search --onlyvisible --name '^Save the text$'
}
until_true 60 "a text that can be saved" dialog >/dev/null
echo "the first text after $((($(date +%s%N) - clicked) / 1000000)) ms"
xdotool key Escape
for _ in 1 2 3 4 5 6; do
    sleep 0.5
    xdotool key Right
done
eval "$(xdotool getwindowgeometry --shell "$window" | grep -E '^(X|Y|WIDTH|HEIGHT)=')"
xdotool mousemove "$((X + WIDTH - 200))" "$((Y + 200))"
sleep 1
xdotool click 1 # on a bar: takes its token in place of the drawn one
sleep 1.5
if [ -n "$picture" ]; then
    scrot --overwrite "$picture"
    echo "the picture: $picture"
fi
until_true 20 "the dialog" dialog >/dev/null
saved=$work/home/tale.ntpstudio
xdotool key ctrl+a
xdotool type --delay 20 "$saved"
xdotool key Return
until_true 20 "the saved text" ls "$saved"
[ "$(grep -o '"ntp-studio session"' "$saved" | head -n 1)" = '"ntp-studio session"' ] || fail "not a saved text"
for origin in drawn forced; do
    grep -q "\"$origin\"" "$saved" || fail "no token was $origin: the keyboard or the mouse did nothing"
done
xdotool key ctrl+q
until_true 20 "the end" sh -c "[ -e /proc/$program ] || echo gone" >/dev/null

title "a double-click on the saved text"
desktop gio open "$saved" || { cat "$work/gio.err"; fail "gio open"; }
window=$(until_true 30 "the window" xdotool search --onlyvisible --name '^NTP Studio')
program=$(xdotool getwindowpid "$window")
tr '\0' ' ' <"/proc/$program/cmdline"
grep -qz "^$saved\$" "/proc/$program/cmdline" || fail "the program was not given the file"
touch -d 2000-01-01 "$saved"
written() { # now that it has a file, it is saved there without a question, as soon as it is open
    xdotool windowactivate --sync "$window" key ctrl+s
    sleep 0.5
    find "$saved" -newermt 2001-01-01
}
until_true 60 "the text" written >/dev/null
sleep 0.5
[ -z "$picture" ] || scrot --overwrite "${picture%.png}-opened.png"
xdotool windowclose "$window" 2>/dev/null || true
kill "$program" 2>/dev/null || true
until_true 20 "the end" sh -c "[ -e /proc/$program ] || echo gone" >/dev/null

title "with one folder missing the self-test fails"
mv /opt/ntp-studio/_internal/transformers/models/qwen2 "$work/qwen2"
status=0
as_person "$work/broken" env QT_QPA_PLATFORM=offscreen ntp-studio --selftest --report "$work/broken/report.txt" \
    >/dev/null 2>&1 || status=$?
grep '^FAILED' "$work/broken/report.txt" || true
[ "$status" = 1 ] || fail "exit status $status, not 1"
mv "$work/qwen2" /opt/ntp-studio/_internal/transformers/models/qwen2

title "an upgrade leaves nothing of the old version"
dpkg-deb --raw-extract "$deb" "$work/next"
rm -rf "$work/next/opt/ntp-studio/_internal/ntp_studio/resources/models/fairy-tales/checkpoint-20"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
dpkg-deb --root-owner-group -Znone --build "$work/next" "$work/next.deb" >/dev/null
rm -rf "$work/next"
DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$work/next.deb" >"$work/apt.log" 2>&1 ||
    { cat "$work/apt.log"; fail "the upgrade"; }
rm -f "$work/next.deb"
dpkg-query --show ntp-studio
[ ! -e /opt/ntp-studio/_internal/ntp_studio/resources/models/fairy-tales/checkpoint-20 ] || fail "an old file is left"
ntp-studio --version >/dev/null

title "removal"
apt-get remove -y -q ntp-studio >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; fail "apt-get remove"; }
if dpkg-query --status ntp-studio >/dev/null 2>&1; then fail "dpkg still knows ntp-studio"; fi
find /opt /usr /etc /var -xdev -name "*ntp-studio*" 2>/dev/null |
    grep -vxFf "$work/before" >"$work/left" || true
[ ! -s "$work/left" ] || { cat "$work/left"; fail "something is left"; }
[ ! -e /opt/ntp-studio ] || fail "/opt/ntp-studio is left"
[ "$(gio info -a standard::content-type "$work/text.ntpstudio" | sed -n 's/.*content-type: //p')" != application/x-ntp-studio ] ||
    fail "the file type is left"
if grep -qs ntp-studio /usr/share/applications/mimeinfo.cache; then fail "the menu's cache still names it"; fi
echo "nothing is left"

# -- the .run file

title "$(basename "$run"), $(($(stat -c %s "$run") / 1000000)) MB, as somebody without root rights"
chmod a+rx "$run"
cp "$run" "$work/studio.run"
person="$work/a person"
as_person "$person" "$work/studio.run" || fail "the .run file"
[ -x "$person/.local/bin/ntp-studio" ] || fail "no command"
desktop-file-validate "$person/.local/share/applications/ntp-studio.desktop" || fail "the menu entry is not valid"
as_person "$person" "$person/.local/bin/ntp-studio" --version
as_person "$person" env QT_QPA_PLATFORM=offscreen "$person/.local/bin/ntp-studio" --selftest >"$work/run.txt" 2>&1 ||
    { cat "$work/run.txt"; fail "self-test of the .run file's program"; }
tail -n 1 "$work/run.txt"
# gio reads the entry as a desktop does, quotes and all.
chmod 711 "$work"
clicked=$(date +%s%N)
(cd "$person" && setpriv --reuid=23456 --regid=23456 --clear-groups env -i HOME="$person" USER=person PATH=/usr/bin:/bin \
    DISPLAY="$DISPLAY" gio launch "$person/.local/share/applications/ntp-studio.desktop" </dev/null >/dev/null 2>&1)
window=$(until_true 30 "the window" xdotool search --onlyvisible --name '^NTP Studio$')
echo "the window after $((($(date +%s%N) - clicked) / 1000000)) ms"
program=$(xdotool getwindowpid "$window")
kill "$program"
until_true 20 "the end" sh -c "[ -e /proc/$program ] || echo gone" >/dev/null

title "a second installation takes the place of the first"
touch "$person/.local/opt/ntp-studio/_internal/old"
as_person "$person" "$work/studio.run" >/dev/null || fail "the second time"
[ ! -e "$person/.local/opt/ntp-studio/_internal/old" ] || fail "an old file is left"
[ "$(ls "$person/.local/opt")" = ntp-studio ] || fail "a copy is left: $(ls "$person/.local/opt")"
as_person "$person" sh "$person/.local/opt/ntp-studio/uninstall.sh" || fail "the uninstaller"
# What the program itself remembers stays, as it does everywhere.
find "$person" -mindepth 1 -not -type d -not -path '*/.config/ntp-studio/*' -not -path '*/.local/state/ntp-studio/*' \
    -not -path '*/.cache/*' >"$work/left"
[ ! -s "$work/left" ] || { cat "$work/left"; fail "something is left"; }
echo "nothing is left"

title "all passed"
