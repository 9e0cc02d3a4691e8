"""The guard: what the audit hook lets through and refuses, and what the kernel adds to it."""

import io
import os
import subprocess
import sys
import warnings

import pytest

from rushlight.check.loading import Stop
from rushlight.check.loading.guard import Guard, Recorder, _Kept, _NoInput

WRITE, READ = os.O_WRONLY | os.O_CREAT, os.O_RDONLY


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder to guard, which is the current one, with a link that leads out of it."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside").mkdir()
    (inside / "link").symlink_to(tmp_path / "outside")
    monkeypatch.chdir(inside)
    return inside


ALLOWED = [
    ("open", ("x", "w", WRITE)),
    ("open", ("deep/../x", "w", WRITE)),
    ("open", (b"x", "w", WRITE)),
    ("open", ("/etc/hostname", "r", READ)),
    ("open", (os.devnull, "w", WRITE)),
    ("open", (3, "w", WRITE)),
    ("open", ("x", None, READ)),
    ("os.mkdir", ("deep", 0o777, -1)),
    ("os.mkdir", ("/", 0o777, -1)),
    ("os.remove", ("x", -1)),
    ("os.remove", ("link", -1)),
    ("os.rename", ("x", "y", -1, -1)),
    ("os.symlink", ("/etc", "x", -1)),
    ("sqlite3.connect", (":memory:",)),
    ("import", ("os", None, None, None, None)),
    ("compile", (None, "x")),
]
REFUSED = [
    ("open", ("../x", "w", WRITE)),
    ("open", ("link/x", "w", WRITE)),
    ("open", ("/tmp/x", None, os.O_RDWR)),
    ("open", ("/tmp/x", "r+", os.O_RDWR)),
    ("open", ("/tmp/x", "a", os.O_APPEND | os.O_WRONLY)),
    ("open", ("../inside2", "w", WRITE)),
    ("os.mkdir", ("../deep", 0o777, -1)),
    ("os.remove", ("../x", -1)),
    ("os.remove", ("link/x", -1)),
    ("os.rename", ("x", "../y", -1, -1)),
    ("os.rename", ("../x", "y", -1, -1)),
    ("os.link", ("/etc/passwd", "y", -1, -1)),
    ("os.rmdir", ("..", -1)),
    ("os.truncate", ("../x", 0)),
    ("os.truncate", ("link", 0)),
    ("os.chmod", ("/tmp", 0o777, -1)),
    ("sqlite3.connect", ("../x.db",)),
    ("socket.__new__", (None, 2, 1, 0)),
    ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
    ("subprocess.Popen", ("ls", ["ls"], None, None)),
    ("os.system", (b"ls",)),
    ("os.fork", ()),
    ("os.exec", ("ls", ["ls"], None)),
    ("os.posix_spawn", ("ls", ["ls"], None)),
    ("webbrowser.open", ("http://x",)),
    ("ctypes.dlopen", (None,)),
]


@pytest.mark.parametrize(("event", "arguments"), ALLOWED)
def test_allowed(folder, event, arguments):
    Guard(str(folder))(event, arguments)


@pytest.mark.parametrize(("event", "arguments"), REFUSED)
def test_refused(folder, event, arguments):
    with pytest.raises(PermissionError, match="the check "):
        Guard(str(folder))(event, arguments)


def test_signals_end_the_check(folder):
    with pytest.raises(Stop, match=r"os.kill is refused") as caught:
        Guard(str(folder))("os.kill", (1, 9))
    assert caught.value.reason == "kill"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")
def test_paths_beside_an_open_folder_are_seen_through(folder):
    guard, inside, outside = Guard(str(folder)), os.open(".", READ), os.open("..", READ)
    try:
        guard("os.remove", ("x", inside))
        with pytest.raises(PermissionError):
            guard("os.remove", ("x", outside))
        with pytest.raises(PermissionError):
            guard("os.remove", ("x", 10_000))
    finally:
        os.close(inside)
        os.close(outside)


def test_input_ends_the_check(monkeypatch):
    monkeypatch.setattr(sys, "stdin", _NoInput())
    for read in (input, sys.stdin.read, sys.stdin.buffer.readline, lambda: list(sys.stdin)):
        with pytest.raises(Stop, match="standard input is closed") as caught:
            read()
        assert caught.value.reason == "stdin"


def test_prints_are_kept_up_to_a_limit():
    kept = _Kept()
    print("привет", file=kept, flush=True)
    kept.buffer.write(b"bytes\n")
    assert "".join(kept.parts) == "привет\nbytes\n" and not kept.isatty()
    for _ in range(100):
        kept.write("x" * 10_000)
    assert sum(map(len, kept.parts)) == 20_000
    with pytest.raises(TypeError, match="must be str, not int"):
        kept.write(3)
    with pytest.raises(io.UnsupportedOperation):
        kept.fileno()


def test_recorder_takes_streams_and_warnings(monkeypatch):
    for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    with warnings.catch_warnings():
        recorder = Recorder()
        recorder.start()
        print("one")
        sys.stderr.write("two\n")
        warnings.warn_explicit("hot", UserWarning, "<cell 3>", 5)
        assert recorder.take() == {
            "output": "one\ntwo\n",
            "warnings": ["cell 3, line 5: UserWarning: hot"],
        }
        assert recorder.take() == {"output": "", "warnings": []}


KERNEL = """
import os, sys
from rushlight.check.loading.landlock import lock
version = lock(sys.argv[1])
if not version:
    sys.exit(5)
open(os.path.join(sys.argv[1], "x"), "w").close()
os.mkdir(os.path.join(sys.argv[1], "deep"))
os.rename(os.path.join(sys.argv[1], "x"), os.path.join(sys.argv[1], "deep", "y"))
open(os.devnull, "w").close()
open("/etc/passwd").close()
def refused(function, *args):
    try:
        function(*args)
    except PermissionError:
        return
    sys.exit(f"{function} was let through")
outside = os.path.join(sys.argv[1], "..", "outside")
refused(open, outside, "w")
refused(os.mkdir, outside)
refused(os.rmdir, os.path.join(sys.argv[1], "..", "other"))
refused(os.execv, "/bin/sh", ["sh", "-c", "true"])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Landlock is Linux's")
def test_the_kernel_refuses_it_too(tmp_path):
    for name in ("folder", "other"):
        (tmp_path / name).mkdir()
    command = [sys.executable, "-c", KERNEL, str(tmp_path / "folder")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 5:
        pytest.skip("this kernel has no Landlock")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "other"}
