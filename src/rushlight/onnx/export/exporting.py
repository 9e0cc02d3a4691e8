"""Export: a model is recorded, written as ONNX, checked, run by onnxruntime, and then saved."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.errors import explain
from rushlight.graph import Graph, fold_constants, record
from rushlight.graph.calls import input_names as input_names_of
from rushlight.nn.module import Module
from rushlight.onnx.export.arguments import check_arguments, check_names
from rushlight.onnx.export.report import ExportError, Report
from rushlight.onnx.export.versions import checked_opset, packages

__all__ = ["export"]


def export(
    model: Module,
    example: Any,
    path: str | os.PathLike[str],
    *,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    opset: int | None = None,
    check: bool = True,
    metadata: Mapping[str, str] | None = None,
    tolerance: float | None = None,
    verbose: bool = False,
) -> Report:
    """Write a model, in evaluation mode, as an ONNX file that onnxruntime runs alike.

    The model is recorded (see `rushlight.graph.record`), written, checked by onnx, run by
    onnxruntime on the example and on other elements and sizes, and compared with the model's own
    outputs. Only then the file is written, whole or not at all. The model is not changed.

    Args:
        model: a module.
        example: a tensor, or a tuple of what forward takes.
        path: the file to write; weights beyond 2 GB go to a second file, `path` + ".data".
        kwargs: further arguments of forward, by name.
        input_names: in order; default: those of forward's parameters.
        output_names: in order; default: "output", or the keys of what forward returns.
        dynamic_axes: by input name, names of the sizes that may change by axis, or the axes;
            entries for outputs are allowed, as in torch, and follow from those of the inputs.
        opset: version of ONNX's operators; default: the newest that onnxruntime runs.
        check: whether to run onnxruntime and compare; onnx's own checks are always made.
        metadata: texts to be written into the file, by key.
        tolerance: how far outputs may differ, relative to 1 + the largest of the output; default
            1e-5 for float32, 1e-10 for float64, 1e-2 for float16.
        verbose: print the report.

    Returns:
        Report: the largest error of each output, counts of nodes, sizes.

    Raises:
        TypeError, ValueError, OSError: for arguments that are not as they are described.
        MissingExtra: if onnx or onnxruntime is not installed; before any work.
        ExportError: for calls that ONNX cannot express (all of them are named, with the paths of
            their modules), or if onnxruntime computes something else.
        RecordError: if the model does not compute the same for all inputs.

    Example:
        >>> import tempfile, pathlib, rushlight as rl
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "model.onnx")
        >>> model = rl.nn.Sequential(rl.nn.Linear(4, 3), rl.nn.ReLU())
        >>> axes = {"input": {0: "batch"}}
        >>> report = rl.onnx.export(model, rl.randn(2, 4), path, dynamic_axes=axes)
        >>> report.nodes, report.max_error < 1e-5
        ({'Gemm': 1, 'Relu': 1}, True)
        >>> folder.cleanup()

    Source: https://onnx.ai/onnx/operators/
    """
    packages()
    from rushlight.onnx.export.files import save
    from rushlight.onnx.export.proto import build
    from rushlight.onnx.export.proto import output_names as named
    from rushlight.onnx.export.running import compare

    version = checked_opset(opset)
    check_arguments(model, path, dynamic_axes, metadata, tolerance)
    given = (example if isinstance(example, tuple) else (example,), dict(kwargs or {}))
    inputs = input_names_of(model, *given) if input_names is None else input_names
    axes = {name: found for name, found in (dynamic_axes or {}).items() if name in inputs}
    graph = record(model, *given, axes, names=input_names)
    fold_constants(graph)
    _refuse_empty(graph)
    outputs = named(graph, output_names)
    check_names(graph, outputs, [name for name in dynamic_axes or () if name not in axes])
    proto, refused = build(graph, version, outputs, metadata or {}, type(model).__name__)
    if refused:
        listed = "\n".join(f"  {line}" for line in refused)
        raise ExportError(f"onnx.export: ONNX has no form for these calls:\n{listed}")
    counts = Counter(node.op_type for node in proto.graph.node)
    report = Report(os.fspath(path), version, nodes=dict(counts))
    report.parameters = sum(value.array.size for value in graph.parameters)

    def look(file: Any) -> None:
        if check:
            compare(model, given, graph, file, outputs, report, tolerance)

    report.size = save(proto, os.fspath(path), look)
    if verbose:
        print(report)
    return report


def _refuse_empty(graph: Graph) -> None:
    """Refuse an example without elements: it shows nothing, and onnxruntime may end the process."""
    for value in graph.inputs:
        if 0 in value.shape:
            got, expected = f"an example of {value}", "at least one element"
            raise ExportError(explain("onnx.export", got=got, expected=expected))
