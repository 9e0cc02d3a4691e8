"""All rows: the families, imported so that they enter the table."""

from rushlight.onnx.export import elementwise, norms, products, shaping, windows

__all__ = ["FAMILIES"]

FAMILIES = (elementwise, norms, products, shaping, windows)
