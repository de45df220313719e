#!/bin/sh
# From a fresh checkout to the open window, or to the finished test suite, in one command.
#
#   sh packaging/quickstart.sh [arguments of ntp-studio]     open the studio
#   sh packaging/quickstart.sh test [arguments of pytest]    run the whole test suite
#   sh packaging/quickstart.sh setup [test|dev]              only set up, with the extra named
#
# Sets up what is missing and nothing else: the system libraries Qt needs (Debian and Ubuntu: apt-get, as root or through
# sudo) and a virtual environment in .venv. A second run finds all of it in place and costs a fraction of a second.
# Everything it says goes to standard error, so that `quickstart.sh inspect --json` can be piped.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$root/.venv
stamp=$venv/.ntp-studio-setup
system=$(uname -s)

say() { printf 'ntp-studio set-up: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# -- which Python ------------------------------------------------------------------------------------------------------

# Prints what the environment is made from; the stamp keeps a copy, and a difference means: install again.
# Fails where this Python cannot run the studio. torch and PySide6 have wheels for 3.11 to 3.14.
fingerprint() {
    "$1" -c '
import hashlib, pathlib, sys
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(1)
root = pathlib.Path(sys.argv[1])
version = [line for line in (root / "ntp_studio/__init__.py").read_text("utf-8").splitlines() if "__version__" in line]
parts = [sys.version, str(root), (root / "pyproject.toml").read_text("utf-8"), *version]
print(hashlib.sha256("\0".join(parts).encode()).hexdigest())
' "$root" 2>/dev/null
}

# Sets $python. python3 comes first: on Debian and Ubuntu it is the one that apt-get's packages belong to.
find_python() {
    for name in python3 python3.13 python3.12 python3.14 python3.11; do
        python=$(command -v "$name") || continue
        if fingerprint "$python" >/dev/null; then return 0; fi
    done
    found=$(python3 --version 2>/dev/null) || found="no python3"
    die "NTP Studio needs Python 3.11, 3.12, 3.13 or 3.14, and $found was found: install one of them (python.org, or your system's packages) and run this again."
}

# -- system packages ---------------------------------------------------------------------------------------------------

# What PySide6's own files ask of the system (ldd on its modules and its xcb, Wayland and offscreen plugins), by the
# package that brings it on Debian and Ubuntu. What these packages bring along themselves is not listed.
qt_libraries='
libglib-2.0.so.0 libglib2.0-0
libEGL.so.1 libegl1
libGL.so.1 libgl1
libX11.so.6 libx11-6
libX11-xcb.so.1 libx11-xcb1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libfreetype.so.6 libfreetype6
libxkbcommon.so.0 libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-glx.so.0 libxcb-glx0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-shm.so.0 libxcb-shm0
libxcb-sync.so.1 libxcb-sync1
libxcb-xfixes.so.0 libxcb-xfixes0
libxcb-xkb.so.1 libxcb-xkb1
'
# Only where the desktop is a Wayland one.
wayland_libraries='
libwayland-client.so.0 libwayland-client0
libwayland-cursor.so.0 libwayland-cursor0
libwayland-egl.so.1 libwayland-egl1
'

# Prints the packages of the lists above that are missing here; nothing where the system cannot be asked.
missing_qt_packages() {
    # /sbin is not on an ordinary person's PATH. "64" leaves 32-bit copies out.
    known=$( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null | grep 64) || return 0
    wanted=$qt_libraries
    if [ -n "${WAYLAND_DISPLAY:-}" ]; then wanted=$wanted$wayland_libraries; fi
    printf '%s' "$wanted" | while read -r library package; do
        case $library in '') continue ;; esac
        case $known in
            *"$library "*) ;;
            *) printf ' %s' "$package" ;;
        esac
    done
    # Without any font Qt draws empty boxes.
    for folder in /usr/share/fonts /usr/local/share/fonts "${HOME:-/}/.local/share/fonts" "${HOME:-/}/.fonts"; do
        [ -d "$folder" ] || continue
        if find -L "$folder" \( -name '*.ttf' -o -name '*.otf' -o -name '*.ttc' -o -name '*.pfb' \) 2>/dev/null |
            grep -q .; then return 0; fi
    done
    printf ' fonts-dejavu-core'
}

# install_packages PACKAGE...: with apt-get, as root or through sudo; otherwise one line that says what to run.
install_packages() {
    why='missing here, and needed to draw windows (Qt) or to make the environment in .venv'
    command -v apt-get >/dev/null ||
        die "$why: install the equivalent of these Debian packages with your system's package manager, then run this again: $*"
    if [ "$(id -u)" = 0 ]; then
        as_root=''
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root='sudo'
    else
        die "$why; they need root rights, so run this and then start again: sudo apt-get install $*"
    fi
    say "$why; installing with apt-get${as_root:+ (through sudo, which may ask for your password)}: $*"
    # A package source that cannot be reached makes update fail though the packages may be had: install decides.
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2 ||
        say "apt-get update did not finish; trying with the package lists that are there"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null >&2 ||
        die "apt-get could not install the packages (its message is above); run: sudo apt-get install $*"
}

# -- virtual environment -----------------------------------------------------------------------------------------------

# Debian keeps a part of the venv module in a package of its own; prints its name where it is missing.
missing_venv_package() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        "$python" -c 'import sys; print(" python%d.%d-venv" % sys.version_info[:2])'
}

make_venv() {
    say "making the virtual environment $venv with $python"
    "$python" -m venv --clear "$venv" >&2 ||
        die "could not make $venv: look at the message above, remove that folder and run this again."
}

# On Linux the torch of PyPI is the CUDA build, several GB with what it needs. Where there is no NVIDIA GPU, PyTorch's own
# index has a small build of the same version, which pip prefers. Succeeds only when that index answers quickly.
cpu_torch_index=https://download.pytorch.org/whl/cpu
wants_cpu_torch() {
    [ "$system" = Linux ] || return 1
    if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then return 1; fi
    "$venv/bin/python" -c '
import importlib.metadata, os, sys, threading, urllib.request
try:
    importlib.metadata.version("torch")
except importlib.metadata.PackageNotFoundError:
    pass
else:
    sys.exit(1)
reached = []
def look():
    try:
        request = urllib.request.Request(sys.argv[1] + "/torch/", method="HEAD")
        with urllib.request.urlopen(request, timeout=5):
            reached.append(True)
    except Exception:
        pass
thread = threading.Thread(target=look, daemon=True)  # the time limit of urlopen leaves out the name look-up
thread.start()
thread.join(6)
os._exit(0 if reached else 1)
' "$cpu_torch_index" 2>/dev/null
}

pip_install() { "$venv/bin/python" -m pip install "$@" </dev/null >&2; }

# set_up LEVEL: 0 to run the studio, 1 to run its tests, 2 to work on it.
set_up() {
    level=$1
    packages=''
    key=$(fingerprint "$venv/bin/python") || key=''
    if [ -z "$key" ]; then
        find_python
        packages=$(missing_venv_package)
    fi
    if [ "$system" = Linux ]; then packages=$packages$(missing_qt_packages); fi
    # shellcheck disable=SC2086  # a list of package names
    if [ -n "$packages" ]; then install_packages $packages; fi

    if [ -n "$key" ] && read -r old_key old_level 2>/dev/null <"$stamp"; then
        if [ "$old_key" = "$key" ] && [ "$old_level" -ge "$level" ]; then return 0; fi
    fi
    rm -f "$stamp"
    if [ -z "$key" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        find_python
        make_venv
        key=$(fingerprint "$venv/bin/python")
    fi
    case $level in
        0) extras='' ;;
        1) extras='[test]' ;;
        *) extras='[dev]' ;;
    esac
    say "installing NTP Studio and the Python packages it needs into .venv (the first time: some minutes)"
    if wants_cpu_torch; then
        say "no NVIDIA GPU here: taking PyTorch's CPU build from $cpu_torch_index"
        pip_install --extra-index-url "$cpu_torch_index" -e "$root$extras" || pip_install -e "$root$extras" || failed=1
    else
        pip_install -e "$root$extras" || failed=1
    fi
    [ -z "${failed:-}" ] ||
        die "pip could not install the Python packages (its message is above): check the network and the free disk space, then run this again."
    "$venv/bin/python" -c 'import PySide6.QtWidgets' >&2 ||
        die "Qt does not start here (the message above names what it misses): install that library and run this again."
    printf '%s %s\n' "$key" "$level" >"$stamp"
}

# -- what was asked for ------------------------------------------------------------------------------------------------

run_tests() {
    set_up 1
    cd "$root"
    # CI must not go green with the real model's tests left out.
    if model=$("$venv/bin/python" packaging/fetch_real_model.py); then
        NTP_STUDIO_REAL_MODEL=$model
        export NTP_STUDIO_REAL_MODEL
    elif [ "${CI:-}" = true ]; then
        die "the model that the real_model tests need could not be fetched, and CI=true: not running a part of the suite."
    else
        say "the model that the real_model tests need could not be fetched: these tests will be skipped."
        unset NTP_STUDIO_REAL_MODEL
    fi
    QT_QPA_PLATFORM=offscreen
    export QT_QPA_PLATFORM
    exec "$venv/bin/python" -m pytest "$@"
}

case $system in
    MINGW* | MSYS* | CYGWIN*) die "this script is for Linux and macOS; README.md has the commands for Windows." ;;
esac

case ${1:-} in
    test)
        shift
        run_tests "$@"
        ;;
    setup)
        case ${2:-} in
            '') set_up 0 ;;
            test) set_up 1 ;;
            dev) set_up 2 ;;
            *) die "setup takes nothing, test or dev, not $2" ;;
        esac
        ;;
    *)
        set_up 0
        exec "$venv/bin/ntp-studio" "$@"
        ;;
esac
