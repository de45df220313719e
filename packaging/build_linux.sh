#!/bin/sh
# Make the installers for Linux from this checkout: a Debian package, and a .run file that needs no root rights.
#
#   sh packaging/build_linux.sh [--fast] [--no-freeze] OUT
#
# --fast packs for a test (zstd, gzip's quickest) instead of for a release (xz). --no-freeze takes build/dist as it is.
# With APPIMAGETOOL and APPIMAGE_RUNTIME (files) set, an AppImage too. Needs what `install_tools.sh build` installs.
set -eu
umask 022

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
fast='' freeze=1 out=''
for argument in "$@"; do
    case $argument in
        --fast) fast=1 ;;
        --no-freeze) freeze='' ;;
        -*) echo "unknown option $argument" >&2; exit 2 ;;
        *) out=$argument ;;
    esac
done
[ -n "$out" ] || { echo "usage: sh packaging/build_linux.sh [--fast] [--no-freeze] OUT" >&2; exit 2; }
mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd)
cd "$root"

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' ntp_studio/__init__.py)
dist=$root/build/dist/ntp-studio
icons=$root/build/work/ntp-studio/icons
stage=$root/build/stage
name=ntp-studio_${version}_amd64.deb
run=ntp-studio-$version-linux-x86_64.run

if [ -n "$freeze" ]; then
    sh packaging/freeze.sh
    echo "== stripping"
    # Symbols that only a debugger reads: 110 MB. What patchelf has been at (numpy.libs) does not survive it.
    find "$dist/_internal/torch" "$dist/_internal/tokenizers" "$dist/_internal/PySide6" \( -name '*.so' -o -name '*.so.*' \) \
        -type f -size +1M -exec strip --strip-unneeded {} +
    strip --strip-unneeded "$dist"/_internal/libpython3*.so*
fi
python3 packaging/linux/inspect_folder.py "$dist"

echo "== staging"
rm -rf "$stage"
mkdir -p "$stage/deb/DEBIAN" "$stage/deb/opt" "$stage/deb/usr/bin" "$stage/deb/usr/share/applications" \
    "$stage/deb/usr/share/mime/packages" "$stage/deb/usr/share/doc/ntp-studio" "$stage/run"
cp -al "$dist" "$stage/deb/opt/ntp-studio"
chmod -R u=rwX,go=rX "$stage/deb/opt"
ln -s /opt/ntp-studio/ntp-studio "$stage/deb/usr/bin/ntp-studio"
for size in 16 22 24 32 48 64 128 256 512; do
    mkdir -p "$stage/run/icons/hicolor/${size}x${size}/apps"
    cp "$icons/ntp-studio-$size.png" "$stage/run/icons/hicolor/${size}x${size}/apps/ntp-studio.png"
done
mkdir -p "$stage/run/icons/hicolor/scalable/apps"
cp resources/icons/ntp-studio.svg "$stage/run/icons/hicolor/scalable/apps/ntp-studio.svg"
cp -r "$stage/run/icons" "$stage/deb/usr/share/icons"
cp packaging/linux/ntp-studio.desktop "$stage/deb/usr/share/applications/"
cp packaging/linux/ntp-studio.xml "$stage/deb/usr/share/mime/packages/"
cp packaging/linux/copyright "$stage/deb/usr/share/doc/ntp-studio/"
gzip -9nc CHANGELOG.md >"$stage/deb/usr/share/doc/ntp-studio/changelog.gz"
(cd "$stage/deb" && find opt usr -type f -exec md5sum {} + >DEBIAN/md5sums)

depends=$(python3 packaging/linux/inspect_folder.py --depends "$dist")
# No scripts run at installation or removal: the desktop's own triggers notice menu entries, icons and file types.
cat >"$stage/deb/DEBIAN/control" <<CONTROL
Package: ntp-studio
Version: $version
Architecture: amd64
Maintainer: NTP Studio contributors <ntp-studio@localhost>
Installed-Size: $(du -sk --apparent-size "$stage/deb" | cut -f1)
Depends: $depends
Recommends: desktop-file-utils, hicolor-icon-theme, shared-mime-info
Section: science
Priority: optional
Description: watch a language model choose its next token
 NTP Studio opens a language model from disk and shows what it does at every
 step: the probability of every token in its vocabulary, what each decoding
 setting does to them, and the draw that picks one. A small model comes along.
 .
 Everything runs on this computer, without a network. The package holds its own
 Python, PyTorch (for the CPU) and Qt.
CONTROL
chmod -R u=rwX,go=rX "$stage/deb/usr" "$stage/deb/DEBIAN"

echo "== $name"
if [ -n "$fast" ]; then how='-Zzstd -z3' largest=325; else how='-Zxz -z6' largest=260; fi # MB, 45 of them the model's
# shellcheck disable=SC2086  # two options
dpkg-deb --root-owner-group $how --build "$stage/deb" "$out/$name" >/dev/null
size=$(($(stat -c %s "$out/$name") / 1000000))
[ "$size" -le "$largest" ] || { echo "$name has $size MB, more than $largest" >&2; exit 1; }

echo "== $run"
cp packaging/linux/install.sh packaging/linux/uninstall.sh packaging/linux/ntp-studio.desktop \
    packaging/linux/ntp-studio.xml "$stage/run/"
# Unpacked straight to its place: makeself's own compression would put all of it into /tmp first.
tar -c -C build/dist --owner=0 --group=0 --sort=name ntp-studio |
    gzip ${fast:+-1} -n >"$stage/run/ntp-studio.tar.gz"
makeself --quiet --noprogress --nox11 --nomd5 --sha256 --nocomp "$stage/run" "$out/$run" "NTP Studio $version" sh ./install.sh

if [ -n "${APPIMAGETOOL:-}" ]; then
    echo "== AppImage"
    mkdir -p "$stage/AppDir/usr/share/applications" "$stage/AppDir/usr/lib"
    cp -al "$dist" "$stage/AppDir/usr/lib/ntp-studio"
    sed -e 's|^Exec=.*|Exec=ntp-studio %f|' -e '/^TryExec=/d' packaging/linux/ntp-studio.desktop \
        >"$stage/AppDir/ntp-studio.desktop"
    cp "$stage/AppDir/ntp-studio.desktop" "$stage/AppDir/usr/share/applications/"
    cp "$icons/ntp-studio-256.png" "$stage/AppDir/ntp-studio.png"
    ln -s usr/lib/ntp-studio/ntp-studio "$stage/AppDir/AppRun"
    ARCH=x86_64 "$APPIMAGETOOL" --no-appstream ${APPIMAGE_RUNTIME:+--runtime-file "$APPIMAGE_RUNTIME"} \
        "$stage/AppDir" "$out/ntp-studio-$version-linux-x86_64.AppImage"
fi

rm -rf "$stage"
(cd "$out" && sha256sum ntp-studio[-_]"$version"* >SHA256SUMS)
ls -l "$out"
