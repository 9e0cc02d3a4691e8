"""Which versions of ONNX the installed packages write, check and run."""

from __future__ import annotations

from functools import cache
from typing import Any

from rushlight.errors import MissingExtra, explain

__all__ = ["OLDEST", "checked_opset", "ir_version", "newest", "packages", "session"]

OLDEST = 18  # the rows use operators as they are since this version


def packages() -> tuple[Any, Any]:
    """Import onnx and onnxruntime.

    Raises:
        MissingExtra: naming the one that is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "onnx", "exporting a model as ONNX") from error
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "onnx", "checking an exported ONNX model") from error
    return onnx, onnxruntime


def session(model: Any) -> Any:
    """Return a session of onnxruntime for a model (bytes, or the path of a file)."""
    _, runtime = packages()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what is wrong comes as an exception
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def newest() -> int:
    """Return the newest version of ONNX's operators that the installed onnxruntime runs."""
    onnx, _ = packages()
    latest = int(onnx.defs.onnx_opset_version())
    for opset in range(latest, OLDEST, -1):
        if _runs(opset):
            return opset
    return OLDEST


def ir_version(opset: int) -> int:
    """Return the oldest version of the file format that has these operators."""
    onnx, _ = packages()
    return int(onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)], True))


def _runs(opset: int) -> bool:
    onnx, _ = packages()
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    one = [helper.make_tensor_value_info(name, kind, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", one[:1], one[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version(opset)
    try:
        session(model.SerializeToString())
    except Exception:  # whatever onnxruntime says of a version that it does not know
        return False
    return True


def checked_opset(opset: int | None) -> int:
    """Return the version to write; the newest for None."""
    if opset is None:
        return newest()
    if type(opset) is not int or not OLDEST <= opset <= newest():
        expected = f"{OLDEST} to {newest()}, which the installed onnxruntime runs"
        raise ValueError(explain("onnx.export", got=f"opset={opset!r}", expected=expected))
    return opset
