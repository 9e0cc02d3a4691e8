"""Resampling: a linear map along each of the last dims, whose gradient is the transposed map.

What the modes of interpolation differ in are the maps (`functional/interpolate.py` makes them);
kernels apply them. A map is sparse: an output cell sees a few cells of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from rushlight.arrays import require_float
from rushlight.errors import ShapeError, explain
from rushlight.kernels import kernel
from rushlight.kernels.reference.resample import Rule, Taps
from rushlight.ops.contract import Saved, define

__all__ = ["Rule", "Taps", "resample"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Maps: TypeAlias = "tuple[Taps | None, ...]"

_forward = kernel("resample_forward")


def _check(x: Any, maps: Maps) -> None:
    size = tuple(n if m is None else m.size_in for n, m in zip(x.shape[2:], maps, strict=False))
    if x.ndim != len(maps) + 2 or x.shape[2:] != size:
        expected = tuple("any" if m is None else m.size_in for m in maps)
        raise ShapeError(
            explain("resample", got=f"input {x.shape}", expected=f"(N, C, *S) with S of {expected}")
        )
    if any(m is not None and m.entries[2] is not None for m in maps):
        require_float("resample", x.dtype)


def _resample_forward(x: Any, maps: Maps) -> Result:
    """(N, C, *S) -> (N, C, *O), in the memory order of x; None leaves a dim as it is"""
    return (_forward(x, maps),), Saved((None,), constants=maps)


def _resample_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    maps = tuple(None if m is None else m.transposed for m in saved.constants)
    return (resample(grads[0], maps=maps),)


resample = define("resample", _resample_forward, _resample_backward, fresh=True, check=_check)
