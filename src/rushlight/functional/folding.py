"""Windows of images as columns, columns summed back to images, windows of one dim as a view."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from rushlight.arrays import is_channels_last, require_float
from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import Ints, expect_tensors, one_dim, one_int, per_dim
from rushlight.functional.padding import pad
from rushlight.functional.shaping import permute, reshape
from rushlight.ops import fold as ops
from rushlight.ops import shape as sh
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["fold", "unfold"]

DIMS = 2  # as in torch; nothing below depends on it


def _geometry(
    where: str, size: tuple[int, ...], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[tuple[int, ...], dict[str, Any], tuple[int, ...]]:
    """Return the padding, the options of the windows, and how many windows each dim holds."""
    kernel = _each(where, kernel_size, "kernel_size", 1)
    steps = _each(where, dilation, "dilation", 1)
    pads = _each(where, padding, "padding", 0)
    strides = _each(where, stride, "stride", 1)
    counts = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(size, pads, steps, kernel, strides, strict=True)
    )
    if min(counts) < 1:
        raise ShapeError(
            explain(
                where,
                got=f"images {size} with kernel_size {kernel}, dilation {steps}, padding {pads}",
                expected="a kernel no larger than the padded image",
                fix="pad more, or use a smaller kernel",
            )
        )
    dims = tuple(range(2, 2 + DIMS))
    return pads, {"dims": dims, "size": kernel, "step": strides, "dilation": steps}, counts


def _each(where: str, value: Any, name: str, low: int) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)) and len(value) != DIMS:
        raise RuntimeError(
            explain(where, got=f"{name}={value!r}", expected=f"an int or {DIMS} of them")
        )
    return per_dim(value, DIMS, where, name, low)


def unfold(
    input: Tensor, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """Return the windows of images as columns: (N, C, H, W) -> (N, C * prod(kernel_size), L).

    Args:
        kernel_size: size of the windows, an int or two.
        dilation: distance of the cells of a window; default 1.
        padding: zeros around the image; default 0.
        stride: distance of the windows; default 1.

    Raises:
        ShapeError: if the input is not (N, C, H, W) or (C, H, W), or no window fits.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.unfold(rl.arange(6.0).reshape(1, 1, 2, 3), (2, 2))
        tensor([[[0., 1.],
                 [1., 2.],
                 [3., 4.],
                 [4., 5.]]])
    """
    expect_tensors("unfold", input)
    require_float("unfold", input._array.dtype)
    shape = input._array.shape
    if len(shape) not in (DIMS + 1, DIMS + 2) or 0 in shape[-DIMS - 1 :]:
        raise ShapeError(
            explain("unfold", got=f"input {shape}", expected="(N, C, H, W) or (C, H, W), not empty")
        )
    batched = len(shape) == DIMS + 2
    x = input if batched else reshape(input, (1, *shape))
    n, c, *size = x._array.shape
    pads, options, counts = _geometry("unfold", tuple(size), kernel_size, dilation, padding, stride)
    if any(pads):
        x = pad(x, [p for p in reversed(pads) for _ in range(2)])
    if is_channels_last(x._array):  # one copy of x for runs of memory in prod(kernel) others
        x = apply(sh.contiguous, (x,), {})
    kernel = options["size"]
    order = (0, 1, *range(2 + DIMS, 2 + 2 * DIMS), *range(2, 2 + DIMS))
    cells = permute(apply(ops.windows, (x,), options), order)  # (N, C, *kernel, *O)
    lead = (n,) if batched else ()
    return reshape(cells, (*lead, c * prod(kernel), prod(counts)))


def fold(
    input: Tensor,
    output_size: Ints,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
) -> Tensor:
    """Sum columns of windows back to images: (N, C * prod(kernel_size), L) -> (N, C, H, W).

    What several windows hold is added up, so that fold is the gradient of `unfold`.

    Args:
        output_size: size (H, W) of the images, an int or two.
        kernel_size, dilation, padding, stride: as of `unfold`.

    Raises:
        ShapeError: if the input does not hold C * prod(kernel_size) rows, or L is not the number
            of windows of such images.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.fold(rl.ones(1, 4, 2), (2, 3), (2, 2))
        tensor([[[[1., 2., 1.],
                  [1., 2., 1.]]]])
    """
    expect_tensors("fold", input)
    require_float("fold", input._array.dtype)
    shape = input._array.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise ShapeError(
            explain("fold", got=f"input {shape}", expected="(N, C * K, L) or (C * K, L), not empty")
        )
    size = _each("fold", output_size, "output_size", 1)
    pads, options, counts = _geometry("fold", size, kernel_size, dilation, padding, stride)
    kernel = options["size"]
    if shape[-2] % prod(kernel) or shape[-1] != prod(counts):
        raise ShapeError(
            explain(
                "fold",
                got=f"input {shape}",
                expected=f"rows that {prod(kernel)} divides, and {prod(counts)} columns, "
                f"for output_size {size} with kernel_size {kernel}",
            )
        )
    n, c = shape[0] if len(shape) == 3 else 1, shape[-2] // prod(kernel)
    order = (0, 1, *range(2 + DIMS, 2 + 2 * DIMS), *range(2, 2 + DIMS))
    cells = permute(reshape(input, (n, c, *kernel, *counts)), order)  # (N, C, *O, *kernel)
    full = tuple(a + 2 * p for a, p in zip(size, pads, strict=True))
    y = apply(ops.overlap_add, (cells,), {"shape": (n, c, *full), **options})
    if any(pads):
        y = pad(y, [-p for p in reversed(pads) for _ in range(2)])
    return y if len(shape) == 3 else reshape(y, y.shape[1:])


def windows_of(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return windows of one dim as a view: (..., S, ...) -> (..., O, ..., size).

    The method `Tensor.unfold`, O = floor((S - size) / step) + 1. Windows that overlap cannot be
    written to.

    Args:
        dimension: the dim that is cut.
        size: the size of a window.
        step: the distance of the windows.

    Raises:
        RuntimeError: if the size is below 0 or above that of the dim, or the step below 1.

    Example:
        >>> import rushlight as rl
        >>> rl.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    ndim = input._array.ndim
    at = one_dim(dimension, ndim, "unfold")
    x = input if ndim else reshape(input, (1,))
    most = x._array.shape[at]
    size, step = one_int(size, "unfold", "size"), one_int(step, "unfold", "step")
    if not 0 <= size <= most or step < 1:
        raise RuntimeError(
            explain(
                "unfold",
                got=f"size {size}, step {step} for dim {at} of a tensor {input.shape}",
                expected=f"a size of 0 to {most} and a step > 0",
            )
        )
    options = {"dims": (at,), "size": (size,), "step": (step,), "dilation": (1,)}
    y = apply(ops.windows, (x,), options)
    return y if ndim else reshape(y, (size,))
