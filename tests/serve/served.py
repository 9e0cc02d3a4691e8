"""What the tests of serving share: samples as tensors, and which axis is the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample, collect

import rushlight as rl
from rushlight.graph.calls import input_names

# class -> why no sample of it is served
NOT_SERVED = {
    "FractionalMaxPool2d": "random numbers in evaluation",
    "FractionalMaxPool3d": "random numbers in evaluation",
}


def changes_itself(model: Any) -> bool:
    """Whether a model writes its weights in evaluation: an embedding that limits norms."""
    return any(getattr(m, "max_norm", None) is not None for m in model.modules())


def is_criterion(name: str) -> bool:
    """Whether a class compares with targets: training has it, serving does not."""
    return name.endswith("Loss") or name == "AdaptiveLogSoftmaxWithLoss"


def predicting() -> list[tuple[str, ModuleSample]]:
    """Return the samples of modules that predict, with a name for each."""
    found = []
    for i, sample in enumerate(collect()):
        if sample.inputs is None:
            continue
        name = type(sample.make()).__name__
        empty = any(leaf.size == 0 for leaf in _leaves(sample.inputs))
        if not is_criterion(name) and not empty:
            found.append((f"{name}-{i}", sample))
    return found


def tensors(value: Any) -> Any:
    """Return nested arrays as float32 tensors."""
    if isinstance(value, np.ndarray):
        return rl.tensor(value.astype(np.float32) if value.dtype.kind == "f" else value)
    if isinstance(value, (tuple, list)):
        return type(value)(tensors(item) for item in value)
    return value


def batch_axes(model: Any, inputs: tuple[Any, ...]) -> dict[str, int | None]:
    """Return the axis of the batch by input, as the layers have it."""
    kind = type(model).__name__
    leaves = _leaves(inputs)
    first = leaves[0]
    names = input_names(model, inputs, {})
    whole = kind.startswith("Conv") and first.ndim < model.weight.ndim  # one image, no batch
    if whole or any("mask" in n and a.ndim == 3 for n, a in zip(names, leaves, strict=True)):
        return dict.fromkeys(names)  # masks for each head count samples times heads
    rows = kind in ("RNN", "LSTM", "GRU", "MultiheadAttention") or kind.startswith("Transformer")
    axis = 0
    if rows:
        inner = next((m for m in model.modules() if hasattr(m, "batch_first")), model)
        axis = 0 if getattr(inner, "batch_first", False) else 1
    batch = first.shape[axis]
    found: dict[str, int | None] = {}
    for name, leaf in zip(names, leaves, strict=True):
        found[name] = _axis(rows, name, leaf, axis, batch, kind)
    return found


def _axis(rows: bool, name: str, leaf: Any, axis: int, batch: int, kind: str) -> int | None:
    if kind == "EmbeddingBag" and leaf.ndim == 1:
        return None  # bags of any length: a list of rows and where each bag begins
    if not rows:
        return 0 if leaf.ndim and leaf.shape[0] == batch else None
    if name.startswith("hx"):
        return 1
    if leaf.ndim == 3 and leaf.dtype.name.startswith("float"):
        return axis
    return 0 if "padding" in name and leaf.ndim == 2 else None


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value] if hasattr(value, "ndim") else []
