"""Pooling under torch's names: one N-d implementation for each kind, thin names for 1 to 3 dims."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, SupportsIndex

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import Ints, Sizes, hashable, per_dim
from rushlight.ops import pool as ops
from rushlight.ops.contract import Op
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]


# ---- arguments


@lru_cache(maxsize=1024, typed=True)  # 2.0 == 2 and True == 1 are refused, not found
def _windows(
    where: str,
    size: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> dict[str, Any]:
    """Return the windows as options of an op; checked once for each set of arguments."""
    n = len(size)
    kernel = per_dim(kernel_size, n, where, "kernel_size", low=1)
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):
        stride = kernel_size
    strides = per_dim(stride, n, where, "stride", low=1)
    pads = per_dim(padding, n, where, "padding", low=0)
    steps = per_dim(dilation, n, where, "dilation", low=1)
    if any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise RuntimeError(
            explain(
                where,
                got=f"padding {pads} with kernel_size {kernel}",
                expected="padding of at most half of the kernel",
            )
        )
    out = tuple(
        _out_size(*side, ceil_mode) for side in zip(size, kernel, strides, pads, steps, strict=True)
    )
    if min(size) > 0 and min(out) < 1:
        raise ShapeError(
            explain(
                where,
                got=f"planes {size} with kernel_size {kernel} and padding {pads}, output {out}",
                expected="an output of at least 1 cell",
                fix="pool less or pad more",
            )
        )
    return {
        "kernel": kernel,
        "stride": strides,
        "padding": pads,
        "dilation": steps,
        "out_size": out,
    }


def _out_size(size: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    room = size + 2 * p - d * (k - 1) - 1
    if not ceil_mode:
        return room // s + 1
    out = -(-room // s) + 1
    return out - 1 if (out - 1) * s >= size + p else out  # no window begins in the far padding


@lru_cache(maxsize=1024, typed=True)  # 2.0 == 2 and True == 1 are refused, not found
def _averages(
    where: str,
    size: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> dict[str, Any]:
    whole = isinstance(divisor_override, SupportsIndex) and not isinstance(divisor_override, bool)
    if divisor_override is not None and not whole:
        got = f"divisor_override={divisor_override!r}"
        raise TypeError(explain(where, got=got, expected="an int or None"))
    if divisor_override == 0:
        raise RuntimeError(explain(where, got="divisor_override=0", expected="an int but 0"))
    found = dict(_windows(where, size, kernel_size, stride, padding, 1, ceil_mode))
    del found["dilation"]
    return {
        **found,
        "count_include_pad": bool(count_include_pad),
        "divisor_override": divisor_override,
    }


def batched(input: Tensor, n: int, where: str) -> Tensor:
    """Return (N, C, *S), with N = 1 for an input (C, *S)."""
    ndim = input._array.ndim
    if ndim == n + 2:
        return input
    if ndim == n + 1:
        return input.unsqueeze(0)
    raise ShapeError(
        explain(
            where,
            got=f"input {input.shape}",
            expected=f"{n + 2} dims (N, C, *S), or {n + 1} (C, *S) without a batch",
        )
    )


def run(op: Op, x: Tensor, options: dict[str, Any], unbatched: bool) -> Any:
    found: Any = apply(op, (x,), options)
    if not unbatched:
        return found
    return tuple(y.squeeze(0) for y in found) if isinstance(found, tuple) else found.squeeze(0)


# ---- one function of each kind


def _max_pool(
    n: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    where = _MAX[n]
    x = batched(input, n, where)
    size, given = x._array.shape[2:], (kernel_size, stride, padding, dilation)
    try:
        options = _windows(where, size, *given, ceil_mode)
    except TypeError:  # a list does not hash
        options = _windows(where, size, *map(hashable, given), ceil_mode)
    op = ops.max_pool_with_indices if return_indices else ops.max_pool
    return run(op, x, options, x is not input)


def _avg_pool(
    n: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    where: str = "",
) -> Tensor:
    where = where or _AVG[n]
    x = batched(input, n, where)
    rule = (ceil_mode, count_include_pad, divisor_override)
    size, given = x._array.shape[2:], (kernel_size, stride, padding)
    try:
        options = _averages(where, size, *given, *rule)
    except TypeError:
        options = _averages(where, size, *map(hashable, given), *rule)
    return run(ops.avg_pool, x, options, x is not input)


def _adaptive(n: int, input: Tensor, output_size: Any, op: Op) -> Any:
    where = f"{op.name}{n}d"
    x = batched(input, n, where)
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if output_size is None or len(given) != n or (n == 1 and None in given):
        none = " or None" if n > 1 else ""
        raise (RuntimeError if len(given) != n else TypeError)(
            explain(where, got=f"output_size={output_size!r}", expected=f"{n} ints{none}")
        )
    size = x._array.shape[2:]
    wanted = tuple([s if o is None else o for o, s in zip(given, size, strict=True)])
    out = per_dim(wanted, n, where, "output_size", low=0)
    return run(op, x, {"out_size": out}, x is not input)


def _lp_pool(
    n: int, input: Tensor, norm_type: Any, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    """As torch composes it: the mean of the powers, times the size of the kernel."""
    where = f"lp_pool{n}d"
    kernel = each(kernel_size, n, where, "kernel_size")
    if norm_type in (math.inf, -math.inf):
        sign = 1 if norm_type > 0 else -1
        largest = _max_pool(n, sign * input.abs(), kernel, stride, 0, 1, ceil_mode, False)
        return sign * largest
    if norm_type == 0:
        raise ZeroDivisionError(explain(where, got="norm_type=0", expected="a number but 0"))
    mean = _avg_pool(n, input.pow(norm_type), kernel, stride, 0, ceil_mode, where=where)
    # sign times absolute value: the same number, but no gradient where it is 0
    total = (mean.sign() * mean.abs().relu()) * math.prod(kernel)
    return total.pow(1.0 / norm_type)


def each(value: Any, n: int, where: str, name: str, low: int = 1) -> tuple[int, ...]:
    """Return n ints of one int or of a sequence of just n."""
    if isinstance(value, (tuple, list)) and len(value) != n:
        raise ShapeError(explain(where, got=f"{name}={value!r}", expected=f"an int or {n} ints"))
    return per_dim(value, n, where, name, low)


_MAX = {n: f"max_pool{n}d" for n in (1, 2, 3)}
_AVG = {n: f"avg_pool{n}d" for n in (1, 2, 3)}


# ---- the names


def max_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of lines (N, C, L) or (C, L); see `max_pool2d`."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of images; the gradient goes to the first maximum.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        kernel_size: int or one int per dim.
        stride: int or one per dim, cells from one window to the next; default kernel_size.
        padding: int or one per dim, cells of -inf on both sides, up to half of the kernel;
            default 0.
        dilation: int or one per dim, cells between the taps of a window; default 1.
        ceil_mode: bool, keep a last window that leaves the input; default False.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.

    Shape:
        (N, C, H, W) -> (N, C, H', W') with
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, or ceil of that
        fraction, less a window that would begin in the padding behind

    Raises:
        RuntimeError: for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> x = rl.arange(16.0).reshape(1, 4, 4)
        >>> rl.nn.functional.max_pool2d(x, 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of (N, C, D, H, W) or (C, D, H, W); see `max_pool2d`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of lines (N, C, L) or (C, L); see `avg_pool2d`."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of images.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        kernel_size: int or one int per dim.
        stride: int or one per dim, cells from one window to the next; default kernel_size.
        padding: int or one per dim, zeros on both sides, up to half of the kernel; default 0.
        ceil_mode: bool, keep a last window that leaves the input; default False.
        count_include_pad: bool, whether cells of the padding count in the divisor; default True.
        divisor_override: int, divide every sum by it instead; default None.

    Shape:
        (N, C, H, W) -> (N, C, H', W') with H' = floor((H + 2 padding - kernel_size) / stride) + 1,
        or ceil of that fraction, less a window that would begin in the padding behind

    Raises:
        RuntimeError: for shapes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> x = rl.arange(16.0).reshape(1, 4, 4)
        >>> rl.nn.functional.avg_pool2d(x, 2)
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
    """
    return _avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of (N, C, D, H, W) or (C, D, H, W); see `avg_pool2d`."""
    return _avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norm of each window of lines (N, C, L) or (C, L); see `lp_pool2d`."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return (sum of x^p)^(1/p) over each window of images, x^p without absolute values.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        norm_type: p; with inf and -inf the largest and the smallest absolute value.
        kernel_size: int or one int per dim.
        stride: int or one per dim, cells from one window to the next; default kernel_size.
        ceil_mode: bool, keep a last window that leaves the input, its sum scaled up as if its
            other cells were alike; default False.

    Raises:
        RuntimeError: for shapes or options that do not fit.
        ZeroDivisionError: for p = 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.lp_pool2d(rl.tensor([[[3.0, 1.0], [4.0, 1.0]]]), 2, (2, 1))
        tensor([[[5.0000, 1.4142]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.lp_pool2d.html
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Ints,
    stride: Ints | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the p-norm of each window of (N, C, D, H, W) or (C, D, H, W); see `lp_pool2d`."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def adaptive_avg_pool1d(input: Tensor, output_size: Ints) -> Tensor:
    """Return `output_size` means of each line (N, C, L) or (C, L); see `adaptive_avg_pool2d`."""
    return _adaptive(1, input, output_size, ops.adaptive_avg_pool)


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """Return the means of windows that are laid so that the output has `output_size`.

    Window o of a dim runs from floor(o * H / H') to ceil((o + 1) * H / H').

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        output_size: int or one per dim; None keeps the size of the input in that dim.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.adaptive_avg_pool2d(rl.ones(1, 8, 5, 7), (None, 2)).shape
        (1, 8, 5, 2)
    """
    return _adaptive(2, input, output_size, ops.adaptive_avg_pool)


def adaptive_avg_pool3d(input: Tensor, output_size: Sizes) -> Tensor:
    """Return means of (N, C, D, H, W) or (C, D, H, W); see `adaptive_avg_pool2d`."""
    return _adaptive(3, input, output_size, ops.adaptive_avg_pool)


def _adaptive_max(n: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    found = _adaptive(n, input, output_size, ops.adaptive_max_pool)
    return found if return_indices else found[0]


def adaptive_max_pool1d(input: Tensor, output_size: Ints, return_indices: bool = False) -> Any:
    """Return `output_size` maxima of each line (N, C, L) or (C, L); see `adaptive_max_pool2d`."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """Return the maxima of windows that are laid so that the output has `output_size`.

    Window o of a dim runs from floor(o * H / H') to ceil((o + 1) * H / H').

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        output_size: int or one per dim; None keeps the size of the input in that dim.
        return_indices: bool, return (maxima, indices), the indices int64 and flat in a plane of
            the input; default False.

    Example:
        >>> import rushlight as rl
        >>> x = rl.arange(12.0).reshape(1, 3, 4)
        >>> rl.nn.functional.adaptive_max_pool2d(x, (1, 2))
        tensor([[[ 9., 11.]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """Return maxima of (N, C, D, H, W) or (C, D, H, W); see `adaptive_max_pool2d`."""
    return _adaptive_max(3, input, output_size, return_indices)
