"""Convolution under torch's names: one N-d implementation, three thin names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import Ints, per_dim
from rushlight.ops.conv import conv
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv3d"]


@lru_cache(maxsize=1024)
def _geometry(
    n: int, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: int
) -> dict[str, Any]:
    """Return the options of the op; checked and normalized once for each set of arguments."""
    where = f"conv{n}d"
    if len(kernel) != n:
        raise ShapeError(
            explain(
                where,
                got=f"a weight with {len(kernel)} kernel dims {kernel}",
                expected=f"(F, C / groups, *K) with {n} kernel dims",
            )
        )
    strides = per_dim(stride, n, where, "stride", low=1)
    dilations = per_dim(dilation, n, where, "dilation", low=1)
    if groups < 1:
        raise RuntimeError(explain(where, got=f"groups={groups}", expected="groups >= 1"))
    if padding == "valid":
        pairs: tuple[tuple[int, int], ...] = ((0, 0),) * n
    elif padding == "same":
        if strides != (1,) * n:
            raise RuntimeError(
                explain(
                    where,
                    got=f"padding='same' with stride {strides}",
                    expected="stride 1",
                    fix="give the padding as ints",
                )
            )
        totals = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
        pairs = tuple((t // 2, t - t // 2) for t in totals)  # the odd cell goes behind
    elif isinstance(padding, str):
        raise RuntimeError(
            explain(where, got=f"padding={padding!r}", expected="ints, 'same' or 'valid'")
        )
    else:
        pairs = tuple((p, p) for p in per_dim(padding, n, where, "padding", low=0))
    return {"stride": strides, "padding": pairs, "dilation": dilations, "groups": groups}


def _conv(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    kernel = weight._array.shape[2:]
    try:
        options = _geometry(n, kernel, stride, padding, dilation, groups)
    except TypeError:  # a list does not hash
        options = _geometry(n, kernel, *map(_hashable, (stride, padding, dilation)), groups)
    ndim = input._array.ndim
    if ndim == n + 2:
        return apply(conv, (input, weight, bias), options)
    if ndim == n + 1:
        return apply(conv, (input.unsqueeze(0), weight, bias), options).squeeze(0)
    raise ShapeError(
        explain(
            f"conv{n}d",
            got=f"input {input.shape}",
            expected=f"{n + 2} dims (N, C, *S), or {n + 1} (C, *S) without a batch",
        )
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Return the convolution (cross-correlation) of lines; see `conv2d`.

    Shape:
        input (N, C, L) or (C, L), weight (F, C / groups, K) -> (N, F, L') or (F, L')
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Return the convolution (cross-correlation) of images.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        weight: (F, C / groups, *K).
        bias: (F), or None.
        stride: int or one int per dim, cells from one window to the next; default 1.
        padding: int or one per dim, zeros on both sides; 'valid' for none; 'same' for an output as
            large as the input (stride 1 only; an odd cell goes behind). Default 0.
        dilation: int or one int per dim, cells from one tap of the kernel to the next; default 1.
        groups: int, splits channels and filters into groups that do not meet; default 1.

    Shape:
        (N, C, H, W) -> (N, F, H', W') with
        H' = floor((H + 2 padding - dilation (K - 1) - 1) / stride) + 1

    Raises:
        RuntimeError: for shapes, dtypes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> x = rl.arange(9.0).reshape(1, 1, 3, 3)
        >>> rl.nn.functional.conv2d(x, rl.ones(1, 1, 2, 2))
        tensor([[[[ 8., 12.],
                  [20., 24.]]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Return the convolution (cross-correlation) of volumes; see `conv2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), weight (F, C / groups, *K) -> (N, F, D', H', W')
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)
