#!/bin/sh
# Sign the .app that freeze.sh left in build/dist, and put it into a .dmg beside a link to Applications. On macOS.
#
#   sh packaging/macos/make_dmg.sh OUT
#
# With SIGNING_IDENTITY set (a "Developer ID Application" in the keychain) it is signed with that and the hardened
# runtime; without, only ad hoc, which Apple silicon asks for at the least. With NOTARY_PROFILE set (a profile of
# `xcrun notarytool store-credentials`) the image is sent to Apple and their answer stapled to it.
set -eu

[ "$#" = 1 ] || { echo "usage: sh packaging/macos/make_dmg.sh OUT" >&2; exit 2; }
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
mkdir -p "$1"
out=$(CDPATH='' cd -- "$1" && pwd)
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$root/ntp_studio/__init__.py")
app="$root/build/dist/NTP Studio.app"
image="$out/ntp-studio-$version-macos-arm64.dmg"

if [ -n "${SIGNING_IDENTITY:-}" ]; then
    codesign --force --deep --timestamp --options runtime --entitlements "$root/packaging/macos/entitlements.plist" \
        --sign "$SIGNING_IDENTITY" "$app"
else
    codesign --force --deep --sign - "$app"
fi
codesign --verify --deep --strict "$app"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
ditto "$app" "$stage/NTP Studio.app"
ln -s /Applications "$stage/Applications"
# "Resource busy" comes and goes on shared machines.
attempt=1
until hdiutil create -volname "NTP Studio $version" -srcfolder "$stage" -fs HFS+ -format UDZO -ov "$image"; do
    [ "$attempt" -lt 5 ] || exit 1
    attempt=$((attempt + 1))
    sleep 10
done

if [ -n "${SIGNING_IDENTITY:-}" ]; then codesign --timestamp --sign "$SIGNING_IDENTITY" "$image"; fi
if [ -n "${NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$image"
fi
(cd "$out" && shasum -a 256 "$(basename "$image")" >SHA256SUMS)
ls -l "$out"
