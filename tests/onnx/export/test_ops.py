"""Every sample of every op that ONNX can express, exported alone and run by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.ops.sample import Sample

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.onnx.export.calls import SAMPLES, check, run

from rushlight.onnx.export.refused import REFUSED
from rushlight.onnx.export.table import ROWS, Inexpressible
from rushlight.onnx.export.versions import OLDEST
from rushlight.ops.contract import OPS


def _has_nan(sample: Sample) -> bool:
    return any(isinstance(a, np.ndarray) and np.isnan(a).any() for a in sample.args)


def _in_training(sample: Sample) -> bool:
    return sample.options.get("factor") is not None


# samples of which ONNX, or onnxruntime, says something else
LEFT_OUT: dict[str, Callable[[Sample], bool]] = {
    "attention": _in_training,
    "head_attention": _in_training,
    **dict.fromkeys(
        [
            "amax", "cummax", "cummin", "log_softmax", "max", "max_dim", "min", "min_dim",
            "sign", "sort",
        ],
        _has_nan,  # its order, and its sign, are not defined
    ),
}  # fmt: skip

# their further outputs, the statistics, are for training
IN_PART = {"batch_norm_train", "group_norm"}
HELD = sorted(set(OPS) & set(ROWS) - set(REFUSED) - IN_PART)


@pytest.mark.parametrize("name", HELD)
def test_samples(name: str) -> None:
    check(name, but=LEFT_OUT.get(name, lambda sample: False))


@pytest.mark.parametrize("name", HELD)
def test_samples_in_the_oldest_version(name: str) -> None:
    check(name, but=LEFT_OUT.get(name, lambda sample: False), opset=OLDEST)


def test_every_op_is_written_or_refused() -> None:
    assert not set(OPS) - set(ROWS)
    assert all(len(reason) > 20 for reason in REFUSED.values())


@pytest.mark.parametrize("name", sorted(set(REFUSED) & set(OPS)))
def test_refused(name: str) -> None:
    sample = SAMPLES[name][0]
    with np.errstate(all="ignore"):
        wanted, _ = OPS[name].forward(*sample.args, **sample.options)
    with pytest.raises(Inexpressible, match=f"{name} in the model: {REFUSED[name][:20]}"):
        run(name, sample.args, sample.options, wanted)
