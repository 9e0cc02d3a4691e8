"""atomic_write: all of the new file or all of the old one."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from rushlight.io.atomic import atomic_write


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("old", [None, b"old content, longer than the new"])
def test_replaces_the_file_and_leaves_nothing_else(tmp_path, old):
    path = tmp_path / "a.bin"
    if old is not None:
        path.write_bytes(old)
    with atomic_write(path) as file:
        file.write(b"ne")
        file.write(b"w")
        assert (path.read_bytes() if old is not None else not path.exists()) in (old, True)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, b"old"])
def test_an_exception_keeps_the_old_file_and_removes_the_temporary(tmp_path, kind, old):
    path = tmp_path / "a.bin"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(kind), atomic_write(path) as file:
        file.write(b"half")
        file.flush()
        raise kind
    assert names(tmp_path) == ([] if old is None else ["a.bin"])
    assert old is None or path.read_bytes() == old


def test_ctrl_c_pressed_again_while_the_temporary_is_removed(tmp_path, monkeypatch):
    unlink, presses = os.unlink, iter(range(3))

    def pressed(path):
        if next(presses, None) is not None:
            raise KeyboardInterrupt
        unlink(path)

    monkeypatch.setattr(os, "unlink", pressed)
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a.bin"):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_ctrl_c_pressed_before_the_temporary_is_open(tmp_path, monkeypatch):
    opened = os.open

    def pressed(path, *args):
        os.close(opened(path, *args))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", pressed)
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a.bin"):
        pass
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import os, signal, sys\n"
        "from rushlight.io.atomic import atomic_write\n"
        "with atomic_write(sys.argv[1]) as f:\n"
        "    f.write(b'x' * 100_000); f.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(path)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_data_reaches_the_disk_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def log_fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def log_replace(*paths):
        calls.append("rename")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", log_replace)
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"x")
    assert calls == ["file", "rename", *(["folder"] if os.name == "posix" else [])]


def test_missing_folder(tmp_path):
    path = tmp_path / "no" / "a.bin"
    with (
        pytest.raises(FileNotFoundError, match="create the folder first") as caught,
        atomic_write(path),
    ):
        raise AssertionError("the block must not run")
    assert str(path) in str(caught.value)
    assert caught.value.errno == errno.ENOENT


def test_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with (
        pytest.raises(NotADirectoryError, match="a part of the path is a file"),
        atomic_write(tmp_path / "f" / "a.bin"),
    ):
        pass


def test_path_is_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="add a file name"), atomic_write(tmp_path):
        pass
    assert names(tmp_path) == []


def test_read_only_folder(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the superuser may write anywhere
    with (
        pytest.raises(PermissionError, match="change its permissions or choose another path"),
        atomic_write(tmp_path / "a.bin"),
    ):
        pass


@pytest.mark.parametrize("at", ["write", "fsync"])
def test_full_disk(tmp_path, monkeypatch, at):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if at == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(OSError, match="free some, or choose another path") as caught,
        atomic_write(path) as file,
    ):
        file.write(b"new")
        if at == "write":
            full()
    assert caught.value.errno == errno.ENOSPC
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links")
def test_mode_and_link_are_kept(tmp_path):
    real, link = tmp_path / "real.bin", tmp_path / "link.bin"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    umask = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "fresh.bin"):
            pass
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "fresh.bin").stat().st_mode) == 0o640
