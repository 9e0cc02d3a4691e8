#!/bin/sh
# Makes .venv in the project's folder and installs Rushlight with an extra: sh tools/setup.sh [all|dev]
set -eu
cd "$(dirname "$0")/.."
extra=${1:-all}
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setup: Python 3.11 or newer is needed ($("$python" --version 2>&1 || echo none found))." \
        "Install it, or name one: PYTHON=python3.12 sh tools/setup.sh $extra" >&2
    exit 1
fi

# Debian ships venv apart from Python. ensurepip says whether it is there.
if [ ! -x .venv/bin/pip ] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if command -v apt-get >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi
        echo "setup: installing Debian's python$version-venv" >&2
        $sudo apt-get update -qq
        $sudo apt-get install -y -qq "python$version-venv" >/dev/null
    else
        echo "setup: this Python has no venv module; install it with your package manager" >&2
        exit 1
    fi
fi

[ -x .venv/bin/pip ] || "$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -e ".[$extra]"
