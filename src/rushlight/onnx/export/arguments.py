"""Arguments of `export`, checked before any work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.errors import explain
from rushlight.graph import Graph
from rushlight.nn.module import Module

__all__ = ["check_arguments", "check_names"]


def check_arguments(
    model: Any, path: Any, dynamic_axes: Any, metadata: Any, tolerance: Any
) -> None:
    """Refuse what is no model, no place for a file, or not as `export` describes it.

    Raises:
        TypeError, ValueError, OSError: with the argument's name.
    """
    if not isinstance(model, Module):
        got, fix = type(model).__name__, "call it in the forward of an nn.Module"
        raise TypeError(explain("onnx.export, model", got=got, expected="a Module", fix=fix))
    place = os.path.realpath(os.fspath(path))
    if not os.path.isdir(os.path.dirname(place)):
        got, fix = f"no folder {os.path.dirname(place)!r}", "create the folder first"
        text = explain("onnx.export, path", got=got, expected="a folder that exists", fix=fix)
        raise FileNotFoundError(text)
    if os.path.isdir(place):
        got, expected = f"the folder {place!r}", "the path of a file"
        text = explain("onnx.export, path", got=got, expected=expected, fix="add a file name")
        raise IsADirectoryError(text)
    if tolerance is not None and not tolerance >= 0:
        got = f"tolerance={tolerance}"
        raise ValueError(explain("onnx.export", got=got, expected="a number from 0 on"))
    if not all(isinstance(text, str) for pair in (metadata or {}).items() for text in pair):
        expected = "texts by texts; str(...) makes them"
        raise TypeError(explain("onnx.export, metadata", got=metadata, expected=expected))
    if not _is_axes(dynamic_axes or {}):
        expected = "as {'input': {0: 'batch'}} or {'input': [0]}"
        raise TypeError(explain("onnx.export, dynamic_axes", got=dynamic_axes, expected=expected))


def _is_axes(given: Any) -> bool:
    """Tell whether these are names by axis, or axes, by name."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        return False
    for axes in given.values():
        if isinstance(axes, str) or not isinstance(axes, (Mapping, Sequence)):
            return False
        if not all(type(axis) is int for axis in axes):
            return False
        if isinstance(axes, Mapping) and not all(isinstance(s, str) and s for s in axes.values()):
            return False
    return True


def check_names(graph: Graph, outputs: Sequence[str], others: Sequence[str]) -> None:
    """Refuse names that stand for nothing, or for two things.

    Args:
        graph: as it was recorded.
        outputs: names of the outputs.
        others: names in dynamic_axes that no input has.
    """
    inputs = [value.name for value in graph.inputs]
    if not outputs:
        got, expected = "a model that returns no tensors", "at least one output"
        raise ValueError(explain("onnx.export", got=got, expected=expected))
    taken = {value.name for value in graph.parameters}
    wrong = [name for name in inputs if not name or name in taken]
    if wrong:
        expected = "names that no parameter has, and none that is empty"
        raise ValueError(explain("onnx.export, input_names", got=wrong, expected=expected))
    for name in others:
        if name not in outputs:
            expected = f"inputs: {', '.join(inputs)}; or outputs: {', '.join(outputs)}"
            raise ValueError(explain("dynamic_axes", got=repr(name), expected=expected))
