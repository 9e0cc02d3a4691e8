"""One call of an op, exported and run: the samples of tests/ops beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Sample
from tests.ops.test_contract import SAMPLES, prepared

from rushlight.graph import Graph, Node, Value
from rushlight.ops.contract import OPS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from rushlight.onnx.export import table  # noqa: E402
from rushlight.onnx.export.proto import build  # noqa: E402
from rushlight.onnx.export.versions import newest  # noqa: E402

_LIMITS = {"float32": 1e-5, "float64": 1e-10}
_ANGLES = {"dft"}  # which onnxruntime computes from float32 cosines, for lengths of no power of 2
_NO_KERNEL = ("NOT_IMPLEMENTED", "does not support double")  # onnxruntime's words


def check(name: str, but: Any = lambda sample: False, opset: int | None = None) -> None:
    """Hold every sample of an op, in float32 and float64, against onnxruntime.

    Empty arrays are left out: onnxruntime has no rules for them. In float64 it has no kernels for
    many operators; in float32 a missing one is an error.

    Args:
        but: tells which samples ONNX is known to say something else of.
        opset: the version of ONNX's operators; an older one is tried in float32 only, as what it
            has functions for in place of kernels is computed with factors of float32.
    """
    held = 0
    for i, sample in enumerate(SAMPLES[name]):
        if any(isinstance(a, np.ndarray) and not a.size for a in sample.args) or but(sample):
            continue
        for dtype in _LIMITS if opset is None else ("float32",):
            try:
                held += _compare(name, sample, dtype, opset or newest())
            except BaseException as raised:
                raised.add_note(f"sample {i} of {name} in {dtype}")
                raise
    assert held


def has_nan(sample: Sample) -> bool:
    """Tell of samples with nan, which ONNX does not order."""
    return any(isinstance(a, np.ndarray) and np.isnan(a).any() for a in sample.args)


def _compare(name: str, sample: Sample, dtype: str, opset: int) -> bool:
    error = _LIMITS["float32" if name in _ANGLES else dtype]
    with np.errstate(all="ignore"):
        args = prepared(OPS[name], sample.args, np.dtype(dtype))
        wanted, _ = OPS[name].forward(*args, **sample.options)
    found = run(name, args, sample.options, wanted, dtype == "float32", opset)
    if found is None:
        assert dtype == "float64"
        return False
    for mine, theirs in zip(wanted, found, strict=True):
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(theirs, mine, rtol=error, atol=error)
    return True


def graph_of(name: str, args: Any, options: Any, outputs: Any) -> Graph:
    """Return the graph of one call: its array arguments are inputs, arrays in options constants."""
    values = [
        Value(f"in_{i}", a.shape, a.dtype, "input") if isinstance(a, np.ndarray) else a
        for i, a in enumerate(args)
    ]
    made = tuple(Value(f"out_{i}", y.shape, y.dtype, "node") for i, y in enumerate(outputs))
    node = Node(name, tuple(values), _plain(options), made)
    inputs = tuple(v for v in values if isinstance(v, Value))
    return Graph(inputs, made, [node], ())


def run(
    name: str, args: Any, options: Any, outputs: Any, optimize: bool = True, opset: int = 0
) -> Any:
    """Return what onnxruntime computes; None where it has no kernel."""
    import onnxruntime

    graph = graph_of(name, args, options, outputs)
    names = [f"y_{i}" for i in range(len(outputs))]
    proto, refused = build(graph, opset or newest(), names, {}, name)
    if refused:
        raise table.Inexpressible(refused)
    onnx.checker.check_model(proto, full_check=True)
    choice = onnxruntime.SessionOptions()
    choice.log_severity_level = 4
    choice.intra_op_num_threads = 1
    if not optimize:  # its fusions keep float64 factors in float32
        choice.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    feed = {f"in_{i}": a for i, a in enumerate(args) if isinstance(a, np.ndarray)}
    try:
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), choice, providers=["CPUExecutionProvider"]
        )
        return session.run(None, feed)
    except Exception as error:
        if any(words in str(error) for words in _NO_KERNEL):
            return None
        raise


_numbers = iter(range(1 << 30))


def _plain(options: Any) -> Any:
    """Return options as a recorded graph has them: values in place of arrays."""
    if isinstance(options, np.ndarray):
        name = f"constant_{next(_numbers)}"
        return Value(name, options.shape, options.dtype, "constant", options)
    if isinstance(options, np.generic):
        return options.item()
    if isinstance(options, dict):
        return {key: _plain(item) for key, item in options.items()}
    if isinstance(options, (tuple, list)):
        return tuple(_plain(item) for item in options)
    return options
