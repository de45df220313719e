#!/bin/sh
# Freeze the program into build/dist/ntp-studio, on Linux and macOS, and on Windows in Git's bash.
#
#   sh packaging/freeze.sh
#
# It has an environment of its own, build/venv: what a developer has installed beside must not end up in an installer.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
venv=build/venv
case $(uname -s) in
    MINGW* | MSYS* | CYGWIN*) python=$venv/Scripts/python ;;
    *) python=$venv/bin/python ;;
esac

key=$(cat pyproject.toml ntp_studio/__init__.py | cksum)
if [ "$(cat "$venv/.key" 2>/dev/null)" != "$key" ]; then
    echo "== an environment to freeze from: $venv"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$python" -m pip install --quiet --disable-pip-version-check --editable '.[build]'
    echo "$key" >"$venv/.key"
fi

echo "== freezing"
# The same input gives the same files: no random order, and the time of the last commit in place of now.
PYTHONHASHSEED=1
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export PYTHONHASHSEED SOURCE_DATE_EPOCH
"$python" -m PyInstaller --noconfirm --log-level ERROR --distpath build/dist --workpath build/work \
    packaging/ntp-studio.spec
