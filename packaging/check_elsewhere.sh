#!/bin/sh
# What can be told here about the systems that are not at hand: is the workflow one that GitHub takes, and can the
# versions that installers are made from be had for Windows and macOS? Needs the `dev` extra in .venv, and PyPI.
set -eu

cd "$(dirname -- "$0")/.."
.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/installers.yml
# macOS 14 is the oldest that torch has a wheel for.
for system in x86_64-pc-windows-msvc aarch64-apple-darwin; do
    printf '%s: ' "$system"
    MACOSX_DEPLOYMENT_TARGET=14.0 .venv/bin/uv pip compile --quiet --no-config --only-binary :all: \
        --python-version 3.11 --python-platform "$system" --extra build pyproject.toml | grep -c '=='
done
