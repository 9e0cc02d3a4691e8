"""The exported model beside the model itself: both run, their outputs compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.graph import Graph, examples
from rushlight.nn.module import Module
from rushlight.nn.summary.watching import tensors_in, untouched
from rushlight.onnx.export.report import ExportError, Report
from rushlight.onnx.export.versions import session

__all__ = ["compare", "difference"]

_TOLERANCES = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-10}


def compare(
    model: Module,
    given: tuple[Any, ...],
    graph: Graph,
    file: Any,
    names: list[str],
    report: Report,
    tolerance: float | None,
) -> None:
    """Run both on the example and on what else it was recorded with; note and judge errors.

    Raises:
        ExportError: if onnxruntime cannot run the file, or an output differs by too much.
    """
    try:
        runner = session(file)
    except Exception as error:
        raise ExportError(_cannot(error)) from error
    relative = _tolerance(graph) if tolerance is None else tolerance
    for args, kwargs, sizes in examples(graph, *given):
        with untouched(model), no_grad():
            model.eval()
            wanted = [tensor._array for tensor in tensors_in(model(*args, **kwargs))]
        feed = zip(graph.inputs, tensors_in((args, kwargs)), strict=True)
        try:
            found = runner.run(None, {v.name: np.asarray(x._array, order="C") for v, x in feed})
        except Exception as error:
            raise ExportError(_cannot(error)) from error
        report.runs.append(sizes)
        for name, mine, theirs in zip(names, wanted, found, strict=True):
            gap, limit = difference(mine, theirs), relative * (1 + _largest(mine))
            report.errors[name] = max(report.errors.get(name, 0.0), gap)
            report.limits[name] = max(report.limits.get(name, 0.0), limit)
            if not gap <= limit:
                raise ExportError(_unlike(name, mine, theirs, gap, limit, sizes))


def difference(mine: Any, theirs: Any) -> float:
    """Return the largest difference; inf where only one is nan or infinite, or for other shapes."""
    theirs = np.asarray(theirs)
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return float("inf")
    a, b = (np.asarray(x, np.float64) for x in (mine, theirs))
    with np.errstate(all="ignore"):
        gaps = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.where(np.isnan(gaps), np.inf, gaps).max(initial=0.0))


def _largest(array: Any) -> float:
    if array.dtype.kind != "f":
        return 0.0
    finite = array[np.isfinite(array)]
    return float(np.abs(finite.astype(np.float64)).max(initial=0.0))


def _tolerance(graph: Graph) -> float:
    """Return that of the least exact floating dtype in the graph."""
    dtypes = {value.dtype.name for node in graph.nodes for value in node.outputs}
    return next((limit for name, limit in _TOLERANCES.items() if name in dtypes), 0.0)


def _cannot(error: Exception) -> str:
    return explain(
        "onnx.export",
        got=f"onnxruntime's {type(error).__name__}: {error}",
        expected="a model that it runs",
        fix="if it has no kernel for this dtype, export in float32; check=False writes the file "
        "without running it",
    )


def _unlike(name: str, mine: Any, theirs: Any, error: float, limit: float, sizes: Any) -> str:
    at = f" with {sizes}" if sizes else ""
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        got = f"{theirs.dtype.name} {theirs.shape} from onnxruntime{at}"
        return explain(f"output {name!r}", got=got, expected=f"{mine.dtype.name} {mine.shape}")
    got = f"a difference of {error:.2g} between onnxruntime and the model{at}"
    return explain(
        f"output {name!r}",
        got=got,
        expected=f"at most {limit:.2g}",
        fix="a larger tolerance=..., if the model magnifies rounding; else report the model",
    )
