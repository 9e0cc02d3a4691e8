"""Import the package whole first: `rushlight.tensor` and `rushlight.onnx.export` are functions and
subpackages, and pytest, when it imports the subpackage alone for its doctests, would put it in the
function's place."""

import rushlight.onnx  # noqa: F401
