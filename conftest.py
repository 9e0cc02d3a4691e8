"""Import the package whole first: `rushlight.tensor` and `rushlight.onnx.export` are functions and
subpackages, and pytest, when it imports the subpackage alone for its doctests, would put it in the
function's place."""

from importlib.util import find_spec

import rushlight.onnx  # noqa: F401

# Without onnx there is no looking for doctests in what is written with it.
collect_ignore = [] if find_spec("onnx") and find_spec("onnxruntime") else ["src/rushlight/onnx"]
