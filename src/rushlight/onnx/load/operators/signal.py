"""Signals: Fourier transforms, windows, and the weights of mel spectra.

A complex number is a pair in the last dim; a real one stands alone there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight import functional as F
from rushlight.errors import ShapeError, explain
from rushlight.onnx.load.operators.casting import dtype_of
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_value, scalar
from rushlight.ops import fold
from rushlight.ops.fourier import dft
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__: list[str] = []


# ---- Fourier transforms, of (*, n, 1 or 2) along n


def _transform(x: Tensor, inverse: bool = False) -> Tensor:
    """(*, n, 1 or 2) -> (*, n, 2); the inverse divided by n"""
    pairs = F.pad(x, (0, 1)) if x.shape[-1] == 1 else x
    return apply(dft, (pairs,), {"inverse": inverse, "scaled": inverse})


def _whole(x: Tensor, n: int) -> Tensor:
    """Complete the spectrum (*, K, 2) of a real signal of n values: X_(n - k) = conj(X_k)."""
    known = min(x.shape[-2], n // 2 + 1)
    x = x[..., :known, :]
    missing = n - known
    if not missing:
        return x
    mirror = F.flip(x[..., 1 : missing + 1, :], (-2,)) * wrap(np.array([1, -1], x.dtype))
    return F.cat([x, mirror], -2)


def _fitted(x: Tensor, n: int) -> Tensor:
    """Cut (*, m, c) to n, or fill it with zeros."""
    m = x.shape[-2]
    return x[..., :n, :] if m >= n else F.pad(x, (0, 0, 0, n - m))


def _dft(node: Node, x: Tensor, length: Any, axis: int, onesided: bool, inverse: bool) -> Tensor:
    dims = x.ndim
    if x.shape[-1] not in (1, 2) or not -dims <= axis < dims or axis % dims == dims - 1:
        got = f"input {x.shape} with axis {axis}"
        expected = "(*, 1) or (*, 2), and an axis of the dims before the last"
        raise ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))
    if onesided and (x.shape[-1] == 1) == inverse:
        expected = "complex values (*, 2)" if inverse else "real values (*, 1)"
        where = f"{node.op} ({node.name}), onesided"
        raise ShapeError(explain(where, got=f"input {x.shape}", expected=expected))
    lines = F.movedim(x, axis % dims, -2)
    halved = onesided and inverse
    m = lines.shape[-2]
    n = int(scalar(length, 2 * (m - 1) if halved else m))
    if n < 1:
        raise ShapeError(
            explain(f"{node.op} ({node.name})", got=f"dft_length {n}", expected="1 or more")
        )
    lines = _whole(_fitted(lines, n // 2 + 1), n) if halved else _fitted(lines, n)
    y = _transform(lines, inverse)
    if onesided:
        y = y[..., :1] if inverse else y[..., : n // 2 + 1, :]
    return F.movedim(y, -2, axis % dims)


@operator("DFT", since=17)
def _dft_by_attribute(node: Node, x: Tensor, length: Any = None) -> Tensor:
    options = bool(node.get("onesided", 0)), bool(node.get("inverse", 0))
    return _dft(node, x, length, int(node.get("axis", 1)), *options)


@operator("DFT", since=20)
def _dft_by_input(node: Node, x: Tensor, length: Any = None, axis: Any = None) -> Tensor:
    options = bool(node.get("onesided", 0)), bool(node.get("inverse", 0))
    return _dft(node, x, length, int(scalar(axis, -2)), *options)


@operator("STFT", since=17)
def _stft(
    node: Node, signal: Tensor, frame_step: Any, window: Tensor | None = None, length: Any = None
) -> Tensor:
    """(N, L, 1 or 2) -> (N, frames, K, 2)"""
    x = signal if signal.ndim == 3 else F.unsqueeze(signal, -1)
    step = int(scalar(frame_step))
    n = int(scalar(length, x.shape[1] if window is None else window.shape[0]))
    if not 1 <= n <= x.shape[1] or step < 1 or (window is not None and len(window) != n):
        got = f"a signal {signal.shape}, frames of {n} every {step}"
        got += "" if window is None else f", a window {window.shape}"
        expected = "frames no longer than the signal, as long as the window, and a step > 0"
        raise ShapeError(explain(f"{node.op} ({node.name})", got=got, expected=expected))
    options = {"dims": (1,), "size": (n,), "step": (step,), "dilation": (1,)}
    frames = F.transpose(apply(fold.windows, (x,), options), 2, 3)  # (N, frames, n, c)
    if window is not None:
        frames = frames * F.reshape(window, (-1, 1))
    onesided = bool(node.get("onesided", 1)) and x.shape[2] == 1
    y = _transform(frames)
    return y[:, :, : n // 2 + 1] if onesided else y


# ---- windows and weights, through which no gradient flows


def _window(node: Node, size: Any, *coefficients: float) -> Any:
    """Return a0 - a1 cos(t) + a2 cos(2 t) over one turn."""
    n = int(scalar(size))
    last = n if node.get("periodic", 1) else n - 1
    t = np.arange(n) * (2 * np.pi / max(last, 1))
    values = sum(a * (-1) ** k * np.cos(k * t) for k, a in enumerate(coefficients))
    return as_value(np.asarray(values).astype(dtype_of(node["output_datatype"], node)))


@operator("HannWindow", since=17)
def _hann(node: Node, size: Any) -> Any:
    return _window(node, size, 0.5, 0.5)


@operator("HammingWindow", since=17)
def _hamming(node: Node, size: Any) -> Any:
    return _window(node, size, 25 / 46, 21 / 46)


@operator("BlackmanWindow", since=17)
def _blackman(node: Node, size: Any) -> Any:
    return _window(node, size, 0.42, 0.5, 0.08)


@operator("MelWeightMatrix", since=17)
def _mel(node: Node, bins: Any, length: Any, rate: Any, low: Any, high: Any) -> Any:
    """Return triangles over the spectrum's bins whose corners are evenly spaced in mel."""
    count, n = int(scalar(bins)), int(scalar(length))
    ends = [2595.0 * np.log10(1.0 + scalar(edge) / 700.0) for edge in (low, high)]
    step = (ends[1] - ends[0]) / (count + 2)
    hertz = 700.0 * (10.0 ** ((np.arange(count + 2) * step + ends[0]) / 2595.0) - 1.0)
    corners = np.floor((n + 1) * hertz / scalar(rate)).astype(np.int64)
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    cell = np.arange(n // 2 + 1)[:, None]  # (n // 2 + 1, bins)
    up = np.where(cell < peak, (cell - left) / np.maximum(peak - left, 1), 0.0) * (cell >= left)
    down = np.where(cell >= peak, (right - cell) / np.maximum(right - peak, 1), 0.0)
    found = np.where(cell == peak, 1.0, up + down * (cell < right))
    return as_value(found.astype(dtype_of(node["output_datatype"], node)))
