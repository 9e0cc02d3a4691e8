"""Which files of a folder are checked."""

import os
import pathlib

import pytest

from rushlight.check.loading import student_files


def test_files_come_by_name_without_what_hides_and_what_is_installed(tmp_path):
    for name in (
        "b.py", "иванов/a.py", "a/tetrad.IPYNB", "my env/ok.py", ".hidden/a.py", "a/.hidden.py",
        "a/.ipynb_checkpoints/a.py", "__pycache__/a.py", "__MACOSX/a/._b.py", "__MACOSX/b.py",
        "our_env/pyvenv.cfg", "our_env/lib.py", "venv/lib.py", "node_modules/x.py", "notes.txt",
        "data.py.txt",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "c.py").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in student_files(tmp_path)]
    assert found == ["b.py", "a/tetrad.IPYNB", "my env/ok.py", "иванов/a.py"]


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_folder_that_contains_itself_is_walked_once(tmp_path):
    (tmp_path / "a.py").touch()
    (tmp_path / "again").symlink_to(tmp_path)
    assert [path.name for path in student_files(tmp_path)] == ["a.py"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    told = []
    assert list(student_files(tmp_path / "absent", told.append)) == []
    assert [pathlib.Path(error.filename).name for error in told] == ["absent"]
    assert list(student_files(tmp_path / "absent")) == []
