"""All rows: the families, imported so that they enter the table."""

from rushlight.onnx.export import (
    attention,
    cumulative,
    distances,
    elementwise,
    indexing,
    losses,
    matrices,
    norms,
    pooling,
    products,
    recurrent,
    refused,
    resampling,
    selecting,
    shaping,
    special,
    transposed,
    unfolding,
    windows,
)

__all__ = ["FAMILIES"]

FAMILIES = (
    attention,
    cumulative,
    distances,
    elementwise,
    indexing,
    losses,
    matrices,
    norms,
    pooling,
    products,
    recurrent,
    refused,
    resampling,
    selecting,
    shaping,
    special,
    transposed,
    unfolding,
    windows,
)
