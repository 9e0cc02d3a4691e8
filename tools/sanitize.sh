#!/bin/sh
# Builds the extension with address and undefined-behaviour sanitizers in build-sanitize/ and runs the tests
# of the kernels under them: sh tools/sanitize.sh [arguments of pytest]
# LOWER=ON: the level of AVX-512 as well, compiled for AVX2, on a processor that has no more.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
folder=build-sanitize
[ $# -gt 0 ] || set -- tests/kernels tests/test_compiled.py

"$python" -c 'import nanobind' 2>/dev/null || "$python" -m pip install --quiet nanobind
cmake -S . -B $folder -DRL_SANITIZE=ON -DRL_LOWER="${LOWER:-OFF}" \
    -DPython_EXECUTABLE="$("$python" -c 'import sys; print(sys.executable)')"
cmake --build $folder --parallel "${JOBS:-2}"

# the package beside this build of the extension, in front of the installed one
rm -rf $folder/package
mkdir $folder/package
cp -r src/rushlight src/pytest_rushlight $folder/package/  # pytest asks for both
rm -f $folder/package/rushlight/_native*.so
cp $folder/_native*.so $folder/package/rushlight/
# an editable installation finds its package before any folder is asked
cat >$folder/package/sitecustomize.py <<'END'
import sys
sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "ScikitBuildRedirectingFinder"]
END

compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' $folder/CMakeCache.txt)
library() { "$compiler" -print-file-name="$1"; }
# Python itself frees little at its end, and a preloaded C++ library is wanted where exceptions are thrown
export ASAN_OPTIONS=detect_leaks=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LD_PRELOAD="$(library libasan.so) $(library libubsan.so) $(library libstdc++.so)"
export PYTHONPATH="$PWD/$folder/package" RUSHLIGHT_KERNELS=native
"$python" -c 'import rushlight._native as native; print(native.__file__); assert "sanitize" in native.__file__'
exec "$python" -m pytest -p no:cacheprovider --capture=sys "$@"
