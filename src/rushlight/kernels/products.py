"""Products of matrices: the one place through which those of the package go.

They are NumPy's, that is a BLAS's, which is free to sum in another order with other threads,
versions and alignments. In deterministic mode they are compiled products of our own, whose order
depends on sizes and strides alone (`native/gemm.cpp`); they take about as long. Without the
extension they are sums of np.einsum's, which takes ten to a hundred times as long as a BLAS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.compiled import native
from rushlight.determinism import are_deterministic_algorithms_enabled

__all__ = ["dot", "einsum", "in_order", "matmul", "norm"]


def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Return np.dot(a, b) of two matrices or vectors, where np.matmul costs a microsecond more."""
    if are_deterministic_algorithms_enabled():
        return in_order(a, b, out)
    if a.size == 1 or b.size == 1:  # np.dot takes 0 times anything for 0, also nan and inf
        return matmul(a, b, out)
    return np.dot(a, b) if out is None else np.dot(a, b, out=out)


def matmul(a: Any, b: Any, out: Any = None) -> Any:
    """Return np.matmul(a, b)."""
    if are_deterministic_algorithms_enabled():
        return in_order(a, b, out)
    return np.matmul(a, b) if out is None else np.matmul(a, b, out=out)


def einsum(equation: str, *arrays: Any) -> Any:
    """Return np.einsum of arrays, in deterministic mode by its own loops alone: then it is slow."""
    quick = len(arrays) > 1 and not are_deterministic_algorithms_enabled()
    return np.einsum(equation, *arrays, optimize=quick)


def norm(x: Any) -> float:
    """Return np.linalg.norm(x) of all numbers, which is the root of a product with itself."""
    if not are_deterministic_algorithms_enabled():
        return float(np.linalg.norm(x.ravel("K")))
    flat = x.ravel("K")
    flat = flat.view(flat.real.dtype)  # pairs of numbers, if they are complex
    return float(np.sqrt(in_order(flat, flat)))


def in_order(a: Any, b: Any, out: Any = None) -> Any:
    """Return np.matmul(a, b), summed in an order that depends on sizes and strides alone."""
    dtype = np.result_type(a, b)
    numbers = not isinstance(a, np.ndarray) or a.ndim == 0 or b.ndim == 0  # refused there
    if numbers or dtype.char not in "fdFD":  # NumPy has loops of its own
        return np.matmul(a, b) if out is None else np.matmul(a, b, out=out)
    x, y = (a if a.ndim > 1 else a[None]), (b if b.ndim > 1 else b[:, None])
    lead, shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), (x.shape[-2], y.shape[-1])
    if x.shape[-1] != y.shape[-2]:
        raise ValueError(f"a product of shapes {a.shape} and {b.shape}")
    direct = out is not None and out.dtype == dtype and out.flags.c_contiguous
    product = out.reshape(lead + shape) if direct else np.empty(lead + shape, dtype)
    if native is None or dtype.char not in "fd":
        np.einsum("...ij,...jk->...ik", x, y, out=product)
    else:
        native.product(_spread(x, lead, dtype), _spread(y, lead, dtype), product)
    if direct:
        return out
    if a.ndim == 1 or b.ndim == 1:
        product = product.reshape(lead + shape[a.ndim == 1 : 1 + (b.ndim > 1)])
    if out is None:
        return product
    out[...] = product
    return out


def _spread(x: Any, lead: tuple[int, ...], dtype: Any) -> Any:
    """Return x with these leading dims, aligned, in this dtype."""
    if x.dtype != dtype or not x.flags.aligned:
        x = x.astype(dtype)
    return x if x.shape[:-2] == lead else np.broadcast_to(x, lead + x.shape[-2:])
