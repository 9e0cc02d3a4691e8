"""The choice of kernels at import, and the compiled extension among threads and processes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.compiled import native

compiled = pytest.mark.skipif(native is None, reason="there is no compiled extension here")
GEOMETRY = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)

# a finder in front of all others that knows no extension
WITHOUT = """
import sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "rushlight._native":
            {raises}
sys.meta_path.insert(0, Finder)
"""
NOT_BUILT = WITHOUT.format(raises="raise ModuleNotFoundError('No module named ' + repr(name))")
BROKEN = WITHOUT.format(raises="raise ImportError('a symbol is missing')")
REPORT = """
import rushlight
from rushlight import kernels
from rushlight.compiled import missing, native
y = rushlight.nn.functional.conv2d(rushlight.ones(1, 1, 3, 3), rushlight.ones(2, 1, 3, 3))
assert y.flatten().tolist() == [9.0, 9.0]
print(kernels.source("conv_forward"), native is None, missing, sep="|")
"""


def python(program: str, choice: str | None = None, **more: str) -> subprocess.CompletedProcess:
    env = {k: v for k, v in os.environ.items() if k != "RUSHLIGHT_KERNELS"} | more
    if choice is not None:
        env["RUSHLIGHT_KERNELS"] = choice
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)


def report(program: str, choice: str | None = None) -> list[str]:
    done = python(program, choice)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split("|")


def convolve() -> np.ndarray:
    """One convolution that is enough work for several threads."""
    from rushlight.kernels import kernel

    x = np.random.default_rng(0).standard_normal((4, 16, 20, 20)).astype(np.float32)
    w = np.random.default_rng(1).standard_normal((24, 16, 3, 3)).astype(np.float32)
    return kernel("conv_forward")(x, w, None, *GEOMETRY)


@pytest.fixture
def count():
    """Several threads for the kernels; the number from before at the end."""
    before = native.threads()
    native.set_threads(3)
    yield 3
    native.set_threads(before)


def test_numpy_leaves_the_extension_alone():
    assert report(REPORT, "numpy") == ["numpy", "True", "RUSHLIGHT_KERNELS=numpy"]
    loaded = "import rushlight, sys; print('rushlight._native' in sys.modules)"
    assert report(loaded, "numpy") == ["False"]


@compiled
@pytest.mark.parametrize("choice", [None, "", "auto", "native"])
def test_the_extension_is_taken_where_it_is_there(choice):
    assert report(REPORT, choice) == ["native", "False", ""]


@pytest.mark.parametrize("choice", [None, "auto"])
def test_without_the_extension_everything_runs_on_numpy(choice):
    source, absent, why = report(NOT_BUILT + REPORT, choice)
    assert (source, absent) == ("numpy", "True")
    assert "was not built" in why
    assert report(BROKEN + REPORT, choice) == ["numpy", "True", "a symbol is missing"]


def test_native_without_the_extension_is_an_error_that_says_what_to_do():
    for prelude, reason in ((NOT_BUILT, "No module named"), (BROKEN, "a symbol is missing")):
        done = python(prelude + "import rushlight", "native")
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: RUSHLIGHT_KERNELS=native: got no compiled extension")
        assert reason in last
        assert "install Rushlight where there is a C++ compiler" in last


def test_another_choice_is_refused():
    done = python("import rushlight", "fast")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError: RUSHLIGHT_KERNELS: got 'fast'")
    assert "'numpy', 'native' or 'auto'" in last


@compiled
def test_set_num_threads_reaches_the_extension():
    pytest.importorskip("threadpoolctl")
    before = rl.get_num_threads()
    try:
        for n in (1, 3, 2):
            rl.set_num_threads(n)
            assert native.threads() == n
    finally:
        rl.set_num_threads(before)


@compiled
@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"])
def test_the_environment_sets_the_number_of_threads(name):
    program = "import rushlight._native as n; import rushlight; print(n.threads())"
    others = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "")
    done = python(program, None, **(others | {name: "3"}))
    assert done.stdout.strip() == "3", done.stderr


@compiled
def test_a_process_leaves_at_once_while_threads_wait():
    program = (
        "import numpy as np, rushlight as rl, rushlight._native as n; n.set_threads(3)\n"
        "y = rl.nn.functional.conv2d(rl.ones(4, 16, 20, 20), rl.ones(24, 16, 3, 3))\n"
        "print(y.shape)"
    )
    start = time.monotonic()
    done = python(program)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 60


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_child_of_a_fork_runs_kernels(count):
    """The threads of the parent are not in the child: it must start its own."""
    expected = convolve()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            same = all(np.array_equal(convolve(), expected) for _ in range(5))
            os.write(write, b"same" if same else b"else")
        finally:
            os._exit(0)
    os.close(write)
    try:
        _wait(child, 60)
        assert os.read(read, 9) == b"same"
    finally:
        os.close(read)
    assert np.array_equal(convolve(), expected)  # and the parent goes on


def _wait(child: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_runs_kernels(count):
    expected = convolve()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            convolve()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:  # pragma: no cover
                os._exit(0 if np.array_equal(convolve(), expected) else 1)
            _wait(child, 60)
    finally:
        stop.set()
        thread.join()


@compiled
def test_several_python_threads_at_once(count):
    expected = convolve()
    results: list[bool] = []

    def work():
        results.extend(np.array_equal(convolve(), expected) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert results == [True] * 80


@compiled
def test_the_number_of_threads_may_change_while_kernels_run(count):
    expected = convolve()
    results: list[bool] = []

    def work():
        results.extend(np.array_equal(convolve(), expected) for _ in range(40))

    thread = threading.Thread(target=work)
    thread.start()
    n = 0
    while thread.is_alive():
        n += 1
        native.set_threads(n % 4 + 1)
    thread.join()
    assert results == [True] * 40


@compiled
def test_results_are_the_same_from_run_to_run(count):
    assert len({convolve().tobytes() for _ in range(10)}) == 1


@compiled
def test_the_stub_names_what_the_extension_has() -> None:
    stub = ast.parse(Path(rl.__file__).with_name("_native.pyi").read_text("utf-8"))
    members = {
        node.name: {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        for node in stub.body
        if isinstance(node, ast.ClassDef)
    }
    names = {node.name for node in stub.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {n.target.id for n in stub.body if isinstance(n, ast.AnnAssign)}  # type: ignore[union-attr]
    assert names == {name for name in dir(native) if not name.startswith("_")}
    for kind, found in members.items():
        public = {name for name in dir(getattr(native, kind)) if not name.startswith("_")}
        assert {name for name in found if not name.startswith("_")} == public, kind
