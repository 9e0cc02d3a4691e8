"""Pooling with the places of the maxima: the names that always return them, fractional pooling,
and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.arrays import require_float
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.creation import rand
from rushlight.functional.dims import Ints, Sizes
from rushlight.functional.pooling import (
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    batched,
    each,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    run,
)
from rushlight.ops import pool as ops
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

Ratios = float | Sequence[float]


# ---- names that return (maxima, indices) whatever `return_indices` says


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `max_pool1d`."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `max_pool2d`."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `max_pool3d`."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Ints, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `adaptive_max_pool1d`."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `adaptive_max_pool2d`."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `adaptive_max_pool3d`."""
    return adaptive_max_pool3d(input, output_size, True)


# ---- fractional: windows at random starts


def _fractional(
    n: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    where = f"fractional_max_pool{n}d"
    x = batched(input, n, where)
    batch, channels, *size = x.shape
    out = _fractional_size(n, where, size, output_size, output_ratio)
    kernel = each(kernel_size, n, where, "kernel_size")
    spare = 0 if n == 2 else 1  # torch asks for one cell more in 3 dims
    if any(o + k - 1 + spare > s for o, k, s in zip(out, kernel, size, strict=True)):
        raise ShapeError(
            explain(
                where,
                got=f"planes {tuple(size)} with kernel_size {kernel} and output_size {out}",
                expected=f"planes of at least output_size + kernel_size{' - 1' if n == 2 else ''}",
            )
        )
    if samples is None:
        require_float(where, x._array.dtype)
        samples = rand(batch, channels, n, dtype=x.dtype)
    given = samples._array
    if given.dtype != x.dtype:
        got = f"_random_samples {given.dtype.name} for an input {x.dtype.name}"
        raise DtypeError(explain(where, got=got, expected="one dtype"))
    if given.ndim != 3 or given.shape[0] < batch:
        raise ShapeError(
            explain(
                where,
                got=f"_random_samples {given.shape}",
                expected=f"({batch}, {channels}, {n})",
            )
        )
    # torch draws the last dim first in 2 dims, and in 3 the first one
    given = given[:batch, :, ::-1] if n == 2 else given[:batch]
    options = {"samples": given, "kernel": kernel, "out_size": out}
    found: tuple[Tensor, Tensor] = run(
        ops.fractional_max_pool, x, options, unbatched=x is not input
    )
    return found


def _fractional_size(
    n: int, where: str, size: Sequence[int], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    if output_size is not None:
        return each(output_size, n, where, "output_size", low=0)
    if output_ratio is None:
        got = "neither output_size nor output_ratio"
        raise ValueError(explain(where, got=got, expected="one of them"))
    ratios = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
    if len(ratios) != n:
        got = f"output_ratio={output_ratio!r}"
        raise ValueError(explain(where, got=got, expected=f"a number or {n} numbers"))
    return tuple([int(s * r) for s, r in zip(size, ratios, strict=True)])


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `fractional_max_pool2d`."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Return the maxima of windows that begin at random, one or two steps apart at such a ratio.

    With u from [0, 1) for each plane and dim and a = (H - kernel) / (H' - 1), window o begins at
    floor((o + u) a) - floor(u a), the last one at H - kernel.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        kernel_size: int or one int per dim, cells of a window.
        output_size: int or one int per dim, (H', W').
        output_ratio: number or one per dim, H' / H, where there is no output_size.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.
        _random_samples: (N, C, 2), u of the columns and of the rows; default random.

    Raises:
        ValueError: without a size and a ratio.
        RuntimeError: for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> F = rl.nn.functional
        >>> F.fractional_max_pool2d(rl.randn(1, 8, 9, 9), 2, output_ratio=0.7).shape
        (1, 8, 6, 6)

    Source: Graham, Fractional Max-Pooling, 2014;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fractional_max_pool2d.html
    """
    found = _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (maxima, indices) of `fractional_max_pool3d`."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Return maxima of (N, C, D, H, W) or (C, D, H, W); see `fractional_max_pool2d`. The samples
    (N, C, 3) are those of depth, rows and columns."""
    found = _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


# ---- the way back


def _unpool(
    n: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    where = f"max_unpool{n}d"
    x = batched(input, n, where)
    places = indices if x is input else batched(indices, n, where)
    kernel = each(kernel_size, n, where, "kernel_size")
    strides = kernel if stride is None else each(stride, n, where, "stride")
    pads = each(padding, n, where, "padding", low=0)
    default = tuple(
        (size - 1) * s + k - 2 * p
        for size, k, s, p in zip(x.shape[2:], kernel, strides, pads, strict=True)
    )
    size = default if output_size is None else _chosen(where, output_size, default, strides)
    if min(size) < 0:
        got = f"planes {x.shape[2:]} with padding {pads}, output {size}"
        raise ValueError(explain(where, got=got, expected="sizes >= 0"))
    options = {"indices": places._array, "size": size}
    y = apply(ops.max_unpool, (x,), options, watch=(places,))
    return y if x is input else y.squeeze(0)


def _chosen(
    where: str, output_size: Any, default: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the given output size without batch and channels; it is within a stride of default."""
    n, given = len(default), tuple(output_size)
    size = given[2:] if len(given) == n + 2 else given
    if len(size) != n:
        got = f"output_size={given}"
        raise ValueError(explain(where, got=got, expected=f"{n} or {n + 2} ints"))
    if any(abs(o - d) >= s for o, d, s in zip(size, default, strides, strict=True)):
        raise ValueError(
            explain(
                where,
                got=f"output_size={given}",
                expected=f"sizes less than a stride {strides} from {default}",
            )
        )
    return size


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Return lines with the maxima (N, C, L) or (C, L) at their cells; see `max_unpool2d`."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Return planes with the maxima of `max_pool2d` at their cells and zeros elsewhere.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        indices: int64, of that shape, flat in a plane of the output. Of equal ones the last counts.
        kernel_size, stride, padding: those of the pooling.
        output_size: (H', W') or (N, C, H', W'), less than a stride from the default.

    Shape:
        (N, C, H, W) -> (N, C, H', W') with H' = (H - 1) stride - 2 padding + kernel_size by default

    Raises:
        ValueError: for an output size that does not fit.
        RuntimeError: for indices outside, shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> F = rl.nn.functional
        >>> x = rl.tensor([[[1.0, 2.0], [4.0, 3.0]]])
        >>> F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)
        tensor([[[0., 0.],
                 [4., 0.]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool2d.html
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Return volumes with the maxima (N, C, D, H, W) or (C, D, H, W) at their cells; see
    `max_unpool2d`."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
