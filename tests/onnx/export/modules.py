"""Every sample of every module, exported: what the tests and the page are made of."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from tests.nn.modules import ModuleSample, collect

import rushlight as rl
from rushlight import nn
from rushlight.graph import RecordError
from rushlight.onnx import ExportError, export

__all__ = ["NOT_CALLED", "PARTLY", "REFUSED", "Result", "called", "layers", "results"]

# layers that ONNX cannot express, with the error's words and the reason
REFUSED = {
    "AdaptiveLogSoftmaxWithLoss": (
        RecordError,
        "depends on the inputs",
        "it picks the rows of each cluster: how many depends on the targets",
    ),
    "CTCLoss": (
        ExportError,
        "ctc_loss in the model",
        "ONNX has no operator for its recursion over time, which is for training",
    ),
}

# layers of which some options cannot be expressed
PARTLY = {
    "Embedding": (
        lambda module: module.max_norm is not None,
        RecordError,
        "writes into 'weight'",
        "with `max_norm`: it writes into the table",
    ),
    "EmbeddingBag": (
        lambda module: module.max_norm is not None,
        RecordError,
        "writes into 'weight'",
        "with `max_norm`: it writes into the table",
    ),
}

# classes without a forward of their own
NOT_CALLED = {
    "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList",
    "RNNBase", "RNNCellBase",
}  # fmt: skip


class Result(NamedTuple):
    """What came of a sample: the report, or the error."""

    name: str
    module: Any
    report: Any
    error: Exception | None


def called() -> Iterator[tuple[str, ModuleSample]]:
    """Yield the samples that are called with something, and their names."""
    for i, sample in enumerate(collect()):
        given = [a for a in sample.inputs or () if isinstance(a, np.ndarray)]
        if sample.inputs is not None and all(a.size for a in given):
            yield f"{type(sample.make()).__name__}-{i}", sample


def run(name: str, sample: ModuleSample, path: Path) -> Result:
    """Export a sample in float32."""
    rl.manual_seed(0)
    module = sample.make().float().eval()
    args = tuple(
        rl.tensor(a, dtype="float32" if a.dtype.kind == "f" else None)
        if isinstance(a, np.ndarray)
        else a
        for a in sample.inputs or ()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what the samples' own tests look at
        try:
            return Result(name, module, export(module, args, path), None)
        except (ExportError, RecordError) as error:
            return Result(name, module, None, error)


@cache
def results() -> tuple[Result, ...]:
    """Export every sample, once."""
    no_wait = mock.patch("rushlight.io.atomic.os.fsync")  # half of the time otherwise
    with tempfile.TemporaryDirectory() as folder, no_wait:
        path = Path(folder, "model.onnx")
        return tuple(run(name, sample, path) for name, sample in called())


def layers() -> list[str]:
    """Return the names of all layers of the package."""
    found = [getattr(nn, name) for name in nn.__all__]
    return sorted(
        cls.__name__ for cls in found if isinstance(cls, type) and issubclass(cls, nn.Module)
    )
