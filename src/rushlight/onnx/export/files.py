"""The file: checked as a whole before anything of it stands at its path."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from onnx.external_data_helper import convert_model_to_external_data

import onnx
from rushlight.errors import explain
from rushlight.io.atomic import atomic_write
from rushlight.onnx.export.proto import inferred
from rushlight.onnx.export.report import ExportError

__all__ = ["save"]

LARGEST = 2**31 - 2**20  # bytes of one file; protobuf has no larger messages


def save(model: Any, path: str, look: Callable[[Any], None]) -> int:
    """Check a model, show it to `look`, write it, and return the bytes that were written.

    `look` gets the bytes of the model, or the path of a temporary file if it is beyond 2 GB, and
    raises if it does not like what it sees; nothing is left behind then.

    Raises:
        ExportError: for what onnx itself refuses, as a dtype that an operator does not take.
    """
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) > LARGEST:
        return _save_large(model, path, look)
    with _told():
        model = inferred(model)
        onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    look(data)
    with atomic_write(path) as file:
        file.write(data)
    return len(data)


@contextmanager
def _told() -> Iterator[None]:
    """Raise what onnx has against a model as an ExportError."""
    try:
        yield
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise ExportError(
            explain(
                "onnx.export",
                got=f"what onnx refuses: {str(error).strip()}",
                expected="a model that its checker takes",
                fix="if it is a dtype that the operator does not take, cast the tensor before",
            )
        ) from error


def _save_large(model: Any, path: str, look: Callable[[Any], None]) -> int:
    """Write the weights to a second file beside the first, both made in a folder of their own."""
    folder, name = os.path.split(os.path.realpath(path))
    room = tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        first = os.path.join(room, name)
        convert_model_to_external_data(model, location=f"{name}.data", size_threshold=1024)
        onnx.save_model(model, first)
        with _told():
            onnx.shape_inference.infer_shapes_path(first, first, True, True, True)
            onnx.checker.check_model(first, full_check=True)
        look(first)
        sizes = 0
        for part in (f"{name}.data", name):  # the model last: it names the other
            made = os.path.join(room, part)
            sizes += os.path.getsize(made)
            os.replace(made, os.path.join(folder, part))
        return sizes
    finally:
        shutil.rmtree(room, ignore_errors=True)
