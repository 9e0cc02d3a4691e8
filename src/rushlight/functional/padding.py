"""Padding of the last dims."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import expect_tensors
from rushlight.ops import shape as sh
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["pad"]

Widths = tuple[tuple[int, int], ...]


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add cells before and behind the last dims; negative widths cut cells off.

    Args:
        pad: (before, behind) of the last dim, then of the one before it, and so on.
        mode: 'constant', or for the last 1 to 3 dims, with 1 or 2 dims in front of them:
            'reflect' (mirrored at the border cell; widths below the size), 'replicate' (the
            border cell), 'circular' (from the other end; widths up to the size).
        value: what 'constant' fills with; default 0.

    Raises:
        RuntimeError: for widths that do not fit.
        NotImplementedError: for an unknown mode or a number of dims that the mode does not take.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[1.0, 2.0, 3.0]])
        >>> rl.nn.functional.pad(x, (1, 2))
        tensor([[0., 1., 2., 3., 0., 0.]])
        >>> rl.nn.functional.pad(x, (2, 0), mode="reflect")
        tensor([[3., 2., 1., 2., 3.]])
    """
    expect_tensors("pad", input)
    ndim = input._array.ndim
    if not isinstance(pad, Sequence):
        raise TypeError(explain("pad", got=f"widths {pad!r}", expected="a sequence of ints"))
    if len(pad) % 2 or len(pad) > 2 * ndim:
        raise ShapeError(
            explain(
                "pad", got=f"{len(pad)} widths", expected=f"2, 4, ... {2 * ndim} for {ndim} dims"
            )
        )
    try:
        cells = [index(width) for width in pad]
    except TypeError:
        raise TypeError(explain("pad", got=f"widths {pad!r}", expected="ints")) from None
    pairs = list(zip(cells[::2], cells[1::2], strict=True))
    widths = ((0, 0),) * (ndim - len(pairs)) + tuple(reversed(pairs))
    if mode == "constant":
        _check(input._array.shape, widths, mode)
        return _apply(input, widths, mode, 0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            explain(
                "pad",
                got=f"mode={mode!r}",
                expected="'constant', 'reflect', 'replicate' or 'circular'",
            )
        )
    if value is not None and value != 0:
        raise RuntimeError(f"pad: mode {mode!r} takes no value")
    if not (1 <= len(pairs) <= 3 and ndim - len(pairs) in (1, 2)):
        raise NotImplementedError(
            explain(
                "pad",
                got=f"{len(pad)} widths for {ndim} dims in mode {mode!r}",
                expected="2 for 2 or 3 dims, 4 for 3 or 4, 6 for 4 or 5",
                fix="add a batch dim with unsqueeze(0)",
            )
        )
    _check(input._array.shape, widths, mode)
    if mode != "circular":
        _check_sizes(input._array.shape, widths, len(pairs), mode)
    if min(min(pair) for pair in pairs) >= 0:
        return _apply(input, widths, mode, 0.0)
    added = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    cut = tuple((min(a, 0), min(b, 0)) for a, b in widths)
    if mode == "circular":  # wraps what is left; the others look at what is cut as well
        return _apply(_apply(input, cut, "constant", 0.0), added, mode, 0.0)
    return _apply(_apply(input, added, mode, 0.0), cut, "constant", 0.0)


def _apply(input: Tensor, widths: Widths, mode: str, value: float) -> Tensor:
    return apply(sh.pad, (input,), {"widths": widths, "mode": mode, "value": value})


def _check(shape: tuple[int, ...], widths: Widths, mode: str) -> None:
    """Check each dim by itself."""
    for dim, (size, (before, behind)) in enumerate(zip(shape, widths, strict=True)):
        left = size + min(before, 0) + min(behind, 0)
        limit = {"reflect": size - 1, "circular": left}.get(mode, max(before, behind))
        # these cut before they add, the others after it
        kept = left if mode in ("constant", "circular") else size + before + behind
        if (before or behind) and (max(before, behind) > limit or kept < 0):
            wide = max(before, behind) > limit
            raise ShapeError(
                explain(
                    f"pad, mode {mode!r}",
                    got=f"widths ({before}, {behind}) in dim {dim} of a tensor {shape}",
                    expected=f"widths up to {limit}" if wide else "no more cut off than there is",
                )
            )


def _check_sizes(shape: tuple[int, ...], widths: Widths, n: int, mode: str) -> None:
    """Check that the last n dims and the channels before them hold something, as does the result.

    As in torch, some of the padded dims of the result may be empty, but not all.
    """
    out = [size + a + b for size, (a, b) in zip(shape, widths, strict=True)]
    if 0 in shape[len(shape) - n - 1 :] or max(out[-n:]) < 1:
        raise ShapeError(
            explain(
                f"pad, mode {mode!r}",
                got=f"a tensor {shape}, padded {tuple(out)}",
                expected="no size 0 but that of the batch, and a cell left",
            )
        )
