"""The discrete Fourier transform of complex numbers as pairs: y_k = sum_i x_i e^(-2 pi j i k / n).

It is linear, and its transpose is the transform with the other sign:
<dft(x), g> = <x, dft(g, inverse=True)>
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import require_float, widened
from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Saved, define

__all__ = ["dft"]

Result = tuple[tuple[Any, ...], Saved]


def _check(x: Any, **_: Any) -> None:
    require_float("dft", x.dtype)
    if x.ndim < 2 or x.shape[-1] != 2 or x.shape[-2] < 1:
        expected = "(*, n, 2): pairs of real and imaginary parts, n >= 1"
        raise ShapeError(explain("dft", got=f"input {x.shape}", expected=expected))


def _dft_forward(x: Any, inverse: bool, scaled: bool) -> Result:
    """(*, n, 2) -> (*, n, 2), with the sign + if `inverse`, divided by n if `scaled`"""
    wide = np.ascontiguousarray(widened(x))
    pairs = wide.view(np.result_type(wide.dtype, np.complex64))[..., 0]
    if inverse:
        found = np.fft.ifft(pairs, norm="backward" if scaled else "forward")
    else:
        found = np.fft.fft(pairs, norm="forward" if scaled else "backward")
    y = found[..., None].view(wide.dtype).astype(x.dtype, copy=False)
    return (y,), Saved((None,), constants=(inverse, scaled))


def _dft_backward(saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
    inverse, scaled = saved.constants
    return (dft(grads[0], inverse=not inverse, scaled=scaled),)


dft = define("dft", _dft_forward, _dft_backward, fresh=True, check=_check)
