"""Files checked in their process: each way to end it is told, and the other layers go on."""

import glob
import os
import pathlib
import tempfile
import threading
import time

import pytest

from rushlight.check.loading import Limits, Problem, run, stop_message
from rushlight.check.loading.child import own_names
from rushlight.check.loading.loader import Loader

FUNCTIONS = {"find": "loading_functions:find", "check": "loading_functions:check"}
posix = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")


@pytest.fixture(autouse=True)
def functions(monkeypatch, tmp_path):
    """Let the process find the functions of these tests, and make its folder where we see it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(os.path.dirname(__file__)))
    yield
    assert list(folder.iterdir()) == []  # whatever happened, nothing is left


def check(path, options=None, **settings):
    limits = Limits(**{"seconds_per_layer": 0.4, **settings.pop("limits", {})})
    return run(path, options, limits=limits, **{**FUNCTIONS, **settings})


def layers(*bodies):
    """Return a file with a class for each body of forward, called A, B, ..."""
    head = "import ctypes, os, socket, subprocess, sys, time\nimport numpy as np\n"
    forward = "class {}:\n    def forward(self, x):\n        {}\n"
    return head + "".join(
        forward.format(chr(65 + i), body.replace("\n", "\n        "))
        for i, body in enumerate(bodies)
    )


def short(checked):
    return [
        layer.get("reason") or layer.get("error") or layer["status"] for layer in checked.layers
    ]


def test_results_come_in_the_order_of_the_file_with_their_places(student):
    path = student(
        "слои.py",
        "EPS = 2\nclass B:\n    def forward(self, x):\n        return x * EPS\n\n"
        "class A(B): pass\n",
    )
    checked = check(path, {"x": 3})
    assert checked.layers == [
        {"name": "B", "cell": None, "line": 2, "status": "ok", "value": 6},
        {"name": "A", "cell": None, "line": 6, "status": "ok", "value": 6},
    ]
    assert checked.problems == [] and checked.path == path


def test_neither_modules_nor_classes_from_elsewhere_are_offered(student):
    path = student(
        "a.py", "EPS = 2\nfrom math import sqrt\nfrom fractions import Fraction\nclass B: pass\n"
    )
    with Loader(path) as loader:
        loader.load()
        assert [*own_names(loader)] == ["EPS", "B"]


def test_a_notebook_with_a_broken_cell_is_checked_for_its_other_layers(student):
    path = student(
        "a.ipynb",
        "%matplotlib inline\nimport numpy as np",
        "class A:\n    def forward(self, x):\n        return np.float64(1)\n",
        "class B(:\n    pass",
        "%%time\nclass C:\n    def forward(self, x):\n        return None\nnet = train()",
    )
    checked = check(path)
    assert [(e["name"], e["cell"], e["line"], e["value"]) for e in checked.layers] == [
        ("A", 2, 1, 1.0),
        ("C", 4, 2, None),
    ]
    (problem,) = checked.problems
    assert (problem.kind, problem.cell, problem.line, problem.text) == ("syntax", 3, 1, "class B(:")


def test_what_code_may_not_do_ends_one_check_only(student, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "xyz")
    outside = tmp_path / "outside"
    bodies = [
        "exit()",
        "sys.exit(3)",
        "os._exit(3)",
        "return input()",
        "return sys.stdin.read()",
        "raise KeyboardInterrupt",
        "os.kill(os.getppid(), 9)",
        "return np.ones(10 * 2**27).sum()",
        "while True: os.fork()",
        "subprocess.run(['ls'])",
        "import multiprocessing as m\nm.get_context('spawn').Process(target=print).start()",
        f"open({str(outside)!r}, 'w')",
        f"np.save({str(outside)!r}, np.ones(3))",
        f"os.mkdir({str(outside)!r})",
        f"os.remove({__file__!r})",
        "socket.create_connection(('127.0.0.1', 80))",
        "ctypes.CDLL(None)",
        "return self.forward(x)",
        "open('mine', 'w').write('x'); np.save('a', np.ones(2)); os.remove('mine')\n"
        "return os.listdir('.')",
        "print('x' * 5_000_000); os.write(1, b'{\"event\": \"done\"}\\n'); return 1",
        "import warnings; warnings.warn('hot'); return float(np.log(np.zeros(1))[0] < 0)",
        "return no_such_name",
        "return rng.normal()",
        "return sys.stdin.buffer.read()",
        "return [os.environ.get(n) for n in ('SECRET_TOKEN', 'OMP_NUM_THREADS', 'MPLBACKEND')]",
    ]
    path = student("a.py", layers(*bodies) + "rng = make()\n")
    checked = check(path)
    refused = "PermissionError: the check "
    found = short(checked)
    assert found[:8] == ["exit", "exit", "exit", "stdin", "stdin", "interrupt", "kill", "memory"]
    assert all(text.startswith(refused) for text in found[8:17]), found[8:17]
    assert found[17].startswith("RecursionError")
    assert [layer.get("value") for layer in checked.layers[18:21]] == [["a.npy"], 1, 1.0]
    assert found[21].startswith("NameError") and "rng.normal is called" in found[22]
    assert found[23] == "stdin"
    assert checked.layers[24]["value"] == [None, "1", "Agg"]
    for layer in checked.layers[:8]:
        assert layer["status"] == "error" and layer["where"]["line"] == layer["line"] + 2
    assert checked.layers[0]["where"]["text"] == "        exit()"
    assert checked.layers[2]["error"] == "os._exit(3)"
    assert len(checked.output) == 20_000
    assert [w.split(": ")[1] for w in checked.warnings] == ["UserWarning", "RuntimeWarning"]
    assert checked.problems == []
    assert not outside.exists() and pathlib.Path(__file__).exists()


@posix
def test_the_end_of_the_process_does_not_hide_other_layers(student):
    path = student(
        "a.py",
        layers(
            "return 1",
            "while True:\n    pass",
            "return sum(range(10**12))",  # holds the lock of the interpreter
            "os.abort()",
            "os.closerange(3, 100)",
            'for fd in range(3, 20):\n    try: os.write(fd, b\'\\n{"event": "done"}\\nx\')\n'
            "    except OSError: pass\nreturn 6",
        ),
    )
    checked = check(path)
    assert short(checked) == ["ok", "timeout", "timeout", "crash", "exit", "ok"]
    assert [layer["line"] for layer in checked.layers] == [3, 6, 10, 13, 16, 19]
    assert checked.layers[5]["value"] == 6
    where = [layer["where"] for layer in checked.layers[1:4]]
    assert where[0]["line"] in (8, 9)
    assert [place["line"] for place in where[1:]] == [12, 15]
    assert checked.layers[1]["error"] == stop_message("timeout")


def test_one_that_sleeps_is_ended_by_the_clock(student):
    path = student("домашка.py", layers("time.sleep(100)", "return 2"))
    checked = check(path)
    assert short(checked) == ["timeout", "ok"]
    assert checked.layers[0]["where"] == {
        "cell": None,
        "line": 5,
        "text": "        time.sleep(100)",
    }


@posix
def test_definitions_that_never_end_are_a_problem_and_the_rest_is_checked(student):
    student("slow.py", "class Slow:\n    while True: pass")
    good = "class {}:\n    def forward(self, x): return 1"
    path = student(
        "a.ipynb",
        good.format("A"),
        "class Endless:\n    n = 0\n    while True:\n        n += 1",
        "import slow\n" + good.format("B"),
        "import os\n@print\n@os.abort\ndef f(): pass\nclass Asks:\n    input()",
        good.format("C"),
    )
    checked = check(path, limits={"seconds_per_layer": 0.2})
    assert [layer["name"] for layer in checked.layers] == ["A", "B", "C"]
    assert [(p.kind, p.error, p.cell, p.name) for p in checked.problems] == [
        ("stopped", "timeout", 2, "Endless"),
        ("stopped", "timeout", 3, "slow"),
        ("definition", checked.problems[2].error, 4, "f"),
        ("stopped", "stdin", 4, "Asks"),
    ]
    assert checked.problems[0].line in (3, 4) and checked.problems[1].line == 1


def test_no_time_left_is_said_of_each_layer(student):
    path = student("a.py", layers("return 1", "return 2", "return 3"))
    started = time.monotonic()
    checked = check(
        path,
        {"seconds": 2.5},
        check="loading_functions:check_slowly",
        limits={"seconds": 4.5, "seconds_per_layer": 4},
    )
    assert time.monotonic() - started < 12
    assert [layer.get("reason") for layer in checked.layers[1:]] == ["no_time", "no_time"]
    assert checked.layers[2]["status"] == "skipped"
    assert checked.problems == [Problem("unfinished", "no_time")]


@posix
@pytest.mark.parametrize(
    ("find", "problem"),
    [
        ("find_badly", Problem("file", "KeyError: 'no such layer'")),
        ("find_nothing_for_ever", Problem("unfinished", "timeout")),
    ],
)
def test_a_search_that_fails_is_a_problem_of_the_file(student, find, problem):
    checked = check(student("a.py", "x = 1"), find=f"loading_functions:{find}")
    assert checked.problems == [problem] and checked.layers == []


def test_wrong_calls_are_errors(student):
    path = student("a.py", "x = 1")
    with pytest.raises(ValueError, match="torch='no', expected 'rushlight' or 'real'"):
        check(path, torch="no")
    with pytest.raises(ValueError, match="memory=0, expected more than 0"):
        Limits(memory=0)
    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        check(path, find="no_such_module:find")
    with pytest.raises(TypeError, match="JSON"):
        check(path, {"x": object()})


def test_it_can_be_stopped(student, tmp_path):
    stop, stopped = threading.Event(), []

    def stop_a_layer():
        while not glob.glob(f"{tmp_path}/**/begun", recursive=True):
            time.sleep(0.05)
        stopped.append(time.monotonic())
        stop.set()

    threading.Thread(target=stop_a_layer, daemon=True).start()
    checked = check(
        student("a.py", layers("open('begun', 'w').close(); time.sleep(100)", "return 2")),
        stop=stop,
        limits={"seconds_per_layer": 90},
    )
    assert time.monotonic() - stopped[0] < 15
    assert short(checked) == ["no_time", "no_time"]
