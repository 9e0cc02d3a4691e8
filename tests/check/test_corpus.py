"""The corpus: broken layers are found and explained, correct ones left alone."""

import pathlib
import tomllib

import pytest

from rushlight.check.layer import check_layer
from rushlight.check.loading.loader import Loader

HERE = pathlib.Path(__file__).parent


def _labels(folder, key):
    files = sorted((HERE / folder).glob("labels_*.toml"))
    return [one for file in files for one in tomllib.loads(file.read_text("utf-8"))[key]]


MUTANTS = _labels("mutants", "mutant")
CORRECT = _labels("correct", "correct")


def check(folder, label):
    with Loader(HERE / folder / label["file"]) as loaded:
        loaded.load()
        assert not loaded.problems
        return check_layer(loaded.namespace[label["layer"]], label.get("like"))


def causes(report):
    return [f.cause for f in report.findings if f.severity == "defect"]


@pytest.mark.parametrize("label", MUTANTS, ids=lambda label: label["file"])
def test_a_broken_layer_is_reported(label):
    assert check("mutants", label).status == "defect"


@pytest.mark.parametrize("label", CORRECT, ids=lambda label: label["file"])
def test_a_correct_layer_gives_no_finding(label):
    report = check("correct", label)
    assert report.findings == ()
    assert report.status == "ok"


def test_the_first_cause_is_right():
    missed = []
    for label in MUTANTS:
        found = causes(check("mutants", label))
        if not {*found[:1]} & {label["cause"], *label.get("also", ())}:
            missed.append((label["file"], label["cause"], found))
    assert len(missed) <= 0.1 * len(MUTANTS), missed


def test_the_corpus_is_large_enough():
    assert len(MUTANTS) >= 80
    assert len(CORRECT) >= 40
