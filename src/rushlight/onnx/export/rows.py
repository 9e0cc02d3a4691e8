"""All rows: the families, imported so that they enter the table."""

from rushlight.onnx.export import (  # noqa: F401
    activations,
    attention,
    comparing,
    cumulative,
    distances,
    elementwise,
    fourier,
    indexing,
    losses,
    making,
    matrices,
    norms,
    picking,
    pooling,
    products,
    recurrent,
    reducing,
    refused,
    resampling,
    selecting,
    shaping,
    special,
    transposed,
    unfolding,
    windows,
)

__all__: list[str] = []
