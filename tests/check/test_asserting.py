"""Assertions about layers: the text of a failure is what was found, whatever runs the test."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
from tests.check.report import samples

import rushlight
from rushlight.check import assert_correct
from rushlight.check.findings import FileReport, LayerReport

SRC = pathlib.Path(rushlight.__file__).parent.parent


class Tanh:
    """A layer that is right."""

    def updateOutput(self, input):
        self.output = np.tanh(input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * (1 - self.output**2)
        return self.gradInput


class Wrong(Tanh):
    def updateGradInput(self, input, gradOutput):
        self.gradInput = -super().updateGradInput(input, gradOutput)
        return self.gradInput


class Attention:
    pass


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Stand in for the check of files."""
    monkeypatch.chdir(tmp_path)

    def check_file(path, like=None, layers=()):
        reports = {"mixed.py": samples.MIXED, "good.py": samples.GOOD, "empty.py": samples.EMPTY}
        report = reports[os.path.basename(path)]
        kept = tuple(la for la in report.layers if not layers or la.name in layers)
        if layers and not kept:
            kept = (LayerReport(layers[0], "", "skipped", reason="absent"),)
        return dataclasses.replace(report, file=str(path), layers=kept)

    fake = types.ModuleType("rushlight.check.file")
    fake.check_file = check_file
    monkeypatch.setitem(sys.modules, "rushlight.check.file", fake)


def failure(*args, **options):
    with pytest.raises(AssertionError) as caught:
        assert_correct(*args, **options)
    return str(caught.value)


def test_a_layer_that_is_right_gives_its_report():
    report = assert_correct(Tanh)
    assert report.ok
    assert report.checks > 0
    assert assert_correct(Tanh(), like="torch_like").like == "torch_like.Tanh"


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "defect (compared with"), ("ru", "ошибка (сравнение с")]
)
def test_a_failure_says_what_is_wrong(lang, words):
    text = failure(Wrong, "Tanh", lang)
    assert text.startswith(f"Wrong: {words}")
    assert "gradInput" in text
    assert "[input_gradient, sign]" in text


def test_a_layer_that_cannot_be_checked_fails():
    assert "not known by its name" in failure(Attention)


def test_notes_alone_do_not_fail_and_do_not_show(monkeypatch):
    def check_layer(obj, like=None):
        return obj

    monkeypatch.setattr("rushlight.check.layer.check_layer", check_layer)
    assert assert_correct(samples.NOTED) is samples.NOTED
    text = failure(samples.LINEAR)
    assert "overwritten" in text
    assert "note" not in text


def test_a_layer_of_a_file(files):
    assert assert_correct("good.py", layer="ReLU").name == "ReLU"
    text = failure(pathlib.Path("mixed.py"), layer="Conv2d")
    assert text.startswith("Conv2d: defect")
    assert "SoftPlus" not in text
    assert "endless loop" in failure("mixed.py", layer="MaxPool2d")


def test_a_layer_that_the_file_does_not_have(files):
    text = failure("mixed.py", layer="Lineer", lang="ru")
    assert "Lineer" in text
    assert "в файле нет такого слоя" in text
    assert "invalid syntax" in text  # perhaps that is why


def test_a_whole_file(files):
    assert isinstance(assert_correct("good.py"), FileReport)
    text = failure("mixed.py")
    assert "Conv2d" in text
    assert "SoftPlus" in text
    assert "no layers were found" in failure("empty.py")


def test_mistakes_of_the_teacher_are_errors_not_failures(files):
    with pytest.raises(ValueError, match="layer='Tanh' with type, expected layer with the path"):
        assert_correct(Tanh, layer="Tanh")
    with pytest.raises(ValueError, match="lang: got 'de'"):
        assert_correct(Tanh, lang="de")
    with pytest.raises(ValueError, match="Lineer"):
        assert_correct(Tanh, like="Lineer")


STUDENT = f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent.parent.parent)!r})
from tests.check.test_asserting import Tanh, Wrong
"""
HIDDEN = f"""{STUDENT}
def test_right(check_layer):
    assert check_layer(Tanh).ok

def test_wrong(check_layer):
    check_layer(Wrong, like="Tanh")
"""
CASE = f"""{STUDENT}
import unittest
from rushlight.check import assert_correct

class Hidden(unittest.TestCase):
    def test_wrong(self):
        assert_correct(Wrong, like="Tanh")
"""


def python(folder, *args):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(SRC), os.environ.get("PYTHONPATH")])),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=120,
        encoding="utf-8",
    )
    return done.returncode, done.stdout + done.stderr


PYTEST = ("-m", "pytest", "-p", "pytest_rushlight", "-p", "no:cacheprovider", "-q", "-W", "error")


def test_the_fixture_of_pytest(tmp_path):
    (tmp_path / "test_hidden.py").write_text(HIDDEN, "utf-8")
    code, text = python(tmp_path, *PYTEST, "--rushlight-lang", "ru")
    assert code == 1
    assert "1 failed, 1 passed" in text
    assert "Wrong: ошибка" in text
    assert '>       check_layer(Wrong, like="Tanh")' in text
    for inner in ("asserting.py", "layer.py", "pytest_rushlight", "raise AssertionError"):
        assert inner not in text  # the traceback ends in the test


def test_the_setting_of_pytest(tmp_path):
    (tmp_path / "test_hidden.py").write_text(HIDDEN, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nrushlight_lang = ru\n", "utf-8")
    assert "Wrong: ошибка" in python(tmp_path, *PYTEST)[1]


def test_unittest_shows_the_line_of_the_test_only(tmp_path):
    (tmp_path / "hidden.py").write_text(CASE, "utf-8")
    code, text = python(tmp_path, "-m", "unittest", "hidden")
    assert code == 1
    assert "AssertionError: Wrong: defect" in text
    assert text.count('File "') == 1


def test_the_plugin_loads_nothing_of_ours():
    program = (
        "import sys, pytest; before = {*sys.modules}; import pytest_rushlight; "
        "print({name.partition('.')[0] for name in {*sys.modules} - before})"
    )
    code, text = python(SRC, "-c", program)
    assert code == 0
    assert text.strip() == "{'pytest_rushlight'}"
