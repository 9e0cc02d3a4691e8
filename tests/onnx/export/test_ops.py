"""Every sample of the ops of elementwise arithmetic, reductions, shapes, indices, norms and
pooling, exported and run by onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.onnx.export.calls import check, has_nan
from tests.onnx.export.test_families import EXACT
from tests.ops.test_contract import SAMPLES

from rushlight.onnx.export.refused import REFUSED
from rushlight.onnx.export.table import ROWS

ELSEWHERE = {
    *EXACT, "attention", "head_attention", "cummax", "cummin", "max_dim", "min_dim", "sort",
}  # fmt: skip
# statistics are results that nothing reads in evaluation
STATISTICS = {"batch_norm_train", "group_norm"}
OPS = sorted(set(SAMPLES) & set(ROWS) - set(REFUSED) - ELSEWHERE - STATISTICS)


def _other(name: str) -> Any:
    """Tell of samples of which onnxruntime is known to say something else."""
    if name in ("amax", "amin", "max", "min", "log_softmax"):
        return has_nan  # it does not order them
    if name == "log_softmax":
        return lambda sample: np.isinf(sample.args[0]).any()
    if name == "pow":  # of integers, to negative powers: not defined
        return lambda sample: any(getattr(a, "dtype", np.float64) == np.int64 for a in sample.args)
    return lambda sample: False


@pytest.mark.parametrize("name", OPS)
def test_samples(name: str) -> None:
    check(name, but=_other(name))


def test_every_op_has_a_row_or_a_reason() -> None:
    assert set(SAMPLES) - set(ROWS) == set()
