"""All rows: the families, imported so that they enter the table."""

from rushlight.onnx.export import (
    activations,
    comparing,
    elementwise,
    making,
    norms,
    picking,
    products,
    reducing,
    shaping,
    windows,
)

__all__ = ["FAMILIES"]

FAMILIES = (
    activations,
    comparing,
    elementwise,
    making,
    norms,
    picking,
    products,
    reducing,
    shaping,
    windows,
)
