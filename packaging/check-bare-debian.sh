#!/bin/sh
# Prove on a bare Debian, made fresh for it, that the README's two commands do all the set-up.
#
#   sh packaging/check-bare-debian.sh [--working-tree] [--setup-only] [--keep] [SUITE]      (bookworm unless named)
#
# Makes a root folder of SUITE with debootstrap that holds the smallest system and python3, puts a fresh clone of HEAD
# into it (--working-tree: the files as they lie here), lends it this machine's pip, proxy and certificate settings, and
# runs in it: the studio as a person without root rights, the test suite, a screenshot, and the studio without a display.
# --setup-only stops after the set-up and its imports. --keep leaves the folder for a look. Needs root and debootstrap.
set -eu

repository=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
suite=bookworm working_tree='' setup_only='' keep='' user=''
for argument in "$@"; do
    case $argument in
        --working-tree) working_tree=1 ;;
        --setup-only) setup_only=1 ;;
        --keep) keep=1 ;;
        -*) echo "unknown option $argument" >&2; exit 2 ;;
        *) suite=$argument ;;
    esac
done
# shellcheck source=packaging/bare_debian.sh
. "$repository/packaging/bare_debian.sh"
need_root "$@"

work=$(mktemp -d "${TMPDIR:-/tmp}/ntp-studio-bare.XXXXXX")
clean_up_at_the_end

title "a minimal system with python3"
make_bare "$work/root" --include=python3

title "this machine's certificates and pip settings"
if [ -d /usr/local/share/ca-certificates ]; then
    mkdir -p "$bare/usr/local/share/ca-certificates"
    cp -RL /usr/local/share/ca-certificates/. "$bare/usr/local/share/ca-certificates/"
fi
# Writes etc/pip.conf in the bare root and two lists: settings to hand over as environment variables, folders to mount.
# A file that a setting names (a certificate bundle) is copied to a place of its own: installing ca-certificates in the
# bare system writes to the usual one. A folder that pip takes packages from is mounted where it lies here.
python3 - "$bare" "$work" <<'PYTHON'
import ast, configparser, os, re, shutil, subprocess, sys
from pathlib import Path

bare, work = Path(sys.argv[1]), Path(sys.argv[2])
folders: set[str] = set()

def carried(value: str) -> str:
    words = []
    for word in value.split():
        path = word.removeprefix("file://")
        if path.startswith("/") and os.path.isfile(path):
            copy = bare / "etc/host-files" / Path(path).name
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
            word = "/" + str(copy.relative_to(bare))
        elif path.startswith("/") and os.path.isdir(path):
            # The pages of a local index link to files beside the index.
            folders.add(str(Path(path).parent) if word.startswith("file://") else path)
        words.append(word)
    return " ".join(words)

config = configparser.RawConfigParser()
listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
for line in listed.splitlines():
    match = re.fullmatch(r"([^:.][^.]*)\.([^=]+)=(.*)", line)
    if match:
        section, key, value = match.groups()
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, key, carried(str(ast.literal_eval(value))))
with (bare / "etc/pip.conf").open("w") as file:
    config.write(file)

names = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
with (work / "environment").open("w") as file:
    for name, value in os.environ.items():
        if (name.startswith("PIP_") or name.upper() in names) and "\n" not in value:
            file.write(f"{name}={carried(value)}\n")
(work / "folders").write_text("".join(f"{folder}\n" for folder in sorted(folders)))
PYTHON
while read -r folder; do
    echo "packages also from $folder"
    mkdir -p "$bare$folder"
    mount --bind "$folder" "$bare$folder"
    mount -o remount,bind,ro "$bare$folder"
done <"$work/folders"

checkout=/srv/ntp-studio
if [ -n "$working_tree" ]; then
    mkdir -p "$bare$checkout"
    (cd "$repository" && git ls-files -z --cached --others --exclude-standard |
        tar --create --null --files-from=- --ignore-failed-read) | tar --extract --directory "$bare$checkout"
else
    git -c safe.directory='*' clone --quiet --no-local "$repository" "$bare$checkout"
fi

# inside COMMAND...: in the bare system, with the environment of a log-in and the settings carried over.
inside() {
    set -- sh -c "cd $checkout && exec \"\$@\"" sh "$@"
    while IFS= read -r setting; do set -- "$setting" "$@"; done <"$work/environment"
    if [ -n "$user" ]; then home=/tmp; else home=/root; fi
    chroot ${user:+"--userspec=$user"} "$bare" /usr/bin/env -i HOME="$home" LANG=C.UTF-8 CI=true \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null
}

# expect STATUS NAME COMMAND...: run inside; what it printed lies in $work/NAME.out and NAME.err.
expect() {
    wanted=$1 name=$2
    shift 2
    got=0
    inside "$@" >"$work/$name.out" 2>"$work/$name.err" || got=$?
    cat "$work/$name.out" "$work/$name.err"
    [ "$got" = "$wanted" ] || fail "$name: exit status $got, not $wanted"
}

title "without root rights: one line that says what to run"
user=nobody
expect 1 no-rights sh packaging/quickstart.sh
user=''
[ "$(wc -l <"$work/no-rights.err")" = 1 ] || fail "no-rights: more than one line"
grep -q 'sudo apt-get install' "$work/no-rights.err" || fail "no-rights: the line names no command"

if [ -n "$setup_only" ]; then
    title "set-up"
    inside sh packaging/quickstart.sh setup test
    inside .venv/bin/python -c 'import PySide6.QtWidgets, torch, transformers; print(torch.__version__)'
    inside env QT_QPA_PLATFORM=offscreen .venv/bin/python -c \
        'from PySide6.QtWidgets import QApplication as A, QLabel; a = A([]); w = QLabel("x"); w.show(); assert w.grab().width()'
else
    title "sh packaging/quickstart.sh test"
    inside sh packaging/quickstart.sh test || fail "the test suite"

    title "sh packaging/quickstart.sh --screenshot"
    expect 0 screenshot sh packaging/quickstart.sh --screenshot /tmp/shot.png
    picture=${TMPDIR:-/tmp}/ntp-studio-bare-$suite.png
    cp "$bare/tmp/shot.png" "$picture"
    [ "$(head -c 8 "$picture" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fail "screenshot: not a PNG"
    echo "the picture: $picture"

    title "sh packaging/quickstart.sh without a display"
    expect 2 no-display sh packaging/quickstart.sh
    [ "$(wc -l <"$work/no-display.err")" = 1 ] || fail "no-display: not exactly one line on standard error"
fi

title "a second set-up has nothing to do"
expect 0 again sh packaging/quickstart.sh setup test
[ ! -s "$work/again.err" ] || fail "again: it did something"

title "the window's platform plug-ins find all their libraries"
inside env WAYLAND_DISPLAY=wayland-0 sh packaging/quickstart.sh setup
# shellcheck disable=SC2016  # expanded inside
inside sh -c '
    cd .venv/lib/python3*/site-packages/PySide6/Qt/plugins
    for plugin in platforms/libqxcb.so platforms/libqwayland*.so platforms/libqoffscreen.so xcbglintegrations/*.so; do
        if ldd "$plugin" | grep "not found"; then echo "$plugin"; exit 1; fi
    done' || fail "a library is missing from the list in quickstart.sh"

title "all passed"
