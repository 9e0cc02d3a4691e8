#!/bin/sh
# Makes .venv in the project's folder and installs Rushlight with an extra: sh tools/setup.sh [all|dev]
set -eu
cd "$(dirname "$0")/.."
extra=${1:-all}
python=${PYTHON:-python3}

fail() {
    echo "setup: $1" >&2
    exit 1
}
has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

case $extra in *[!a-z,]*) fail "got '$extra', expected the name of an extra, such as all or dev" ;; esac

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$("$python" --version 2>/dev/null) || found="no $python"
    fail "got $found, expected Python 3.11 or newer; install it, or name one: PYTHON=python3.12 sh tools/setup.sh $extra"
fi

# Debian ships venv apart from Python. ensurepip says whether it is there.
if [ ! -x .venv/bin/pip ] && ! has_venv; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi
    if command -v apt-get >/dev/null; then
        echo "setup: installing Debian's $package" >&2
        $sudo apt-get update -qq && $sudo apt-get install -y -qq "$package" >/dev/null || true
    fi
    has_venv || fail "$python still lacks ensurepip, which makes virtual environments; install $package, or name another Python: PYTHON=python3.12 sh tools/setup.sh $extra"
fi

[ -x .venv/bin/pip ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$extra]"
.venv/bin/python -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("rushlight._native"))' ||
    echo "setup: no C++ compiler worked here, so the native kernels were left out; everything runs on NumPy" >&2
