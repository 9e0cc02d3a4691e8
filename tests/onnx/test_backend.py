"""ONNX's own suite of backend tests: what it passes, case by case, and how many that are."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from tests.onnx import suite  # noqa: E402

from onnx import helper  # noqa: E402
from rushlight.onnx.load.backend import RushlightBackend  # noqa: E402

PARTS = 16  # so that several processes can share them

same_version = pytest.mark.skipif(
    not onnx.__version__.startswith(suite.VERSION + "."),
    reason=f"tests/onnx/suite.py has what is to be expected of onnx {suite.VERSION}",
)


@same_version
@pytest.mark.parametrize("part", range(PARTS))
def test_the_suite_passes_but_for_what_is_listed(part):
    found = []
    for case in suite.cases()[part::PARTS]:
        reason = suite.KNOWN.get(case.name)
        if case.category or reason in suite.LEFT_OUT:
            continue
        wrong = suite.outcome(case)
        if bool(wrong) != (reason is not None):
            found.append(f"{case.kind} {case.name}: {wrong or 'passes, but is listed in KNOWN'}")
    assert not found, "\n".join(found)


@same_version
def test_the_counts_are_those_of_the_page():
    counted = {kind: (len(cases), excluded, failed) for kind, cases, excluded, failed in _tally()}
    assert counted == suite.COUNTS
    names = {case.name for case in suite.cases() if not case.category}
    assert suite.KNOWN.keys() <= names
    assert set(suite.KNOWN.values()) == suite.REASONS.keys()


@same_version
def test_nine_tenths_of_the_node_tests_pass():
    everything, excluded, failed = suite.COUNTS["node"]
    assert failed < 0.02 * (everything - excluded)


def _tally():
    for kind in suite.KINDS:
        cases = [case for case in suite.cases() if case.kind == kind]
        excluded = sum(bool(case.category) for case in cases)
        failed = sum(case.name in suite.KNOWN for case in cases)
        yield kind, cases, excluded, failed


def test_one_node_runs():
    node = helper.make_node("Clip", ["x", "", "high"], ["y"])
    x, high = np.array([1.0, 5.0], np.float32), np.array(2.0, np.float32)
    (y,) = RushlightBackend.run_node(node, [x, high], opset_version=13)
    assert y.tolist() == [1, 2] and y.dtype == np.float32
    (y,) = RushlightBackend.run_node(helper.make_node("Neg", ["x"], ["y"]), [x])
    assert y.tolist() == [-1, -5]


def test_there_is_only_the_cpu():
    assert RushlightBackend.supports_device("CPU") and not RushlightBackend.supports_device(
        "CUDA:1"
    )
    model = helper.make_model(helper.make_graph([], "g", [], []))
    with pytest.raises(ValueError, match="only 'CPU'"):
        RushlightBackend.prepare(model, "CUDA")
