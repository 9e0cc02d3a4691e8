"""Convolution and its transpose under torch's names: N-d implementations, thin names."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import Ints, expect_tensors, hashable, one_int, per_dim
from rushlight.ops.conv import conv, conv_transpose
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]


@lru_cache(maxsize=1024)
def _geometry(
    n: int, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, groups: int
) -> dict[str, Any]:
    """Return the options of the op; checked and normalized once for each set of arguments."""
    where = f"conv{n}d"
    strides, dilations = _steps(where, n, kernel, stride, dilation, groups)
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


def _steps(
    where: str, n: int, kernel: tuple[int, ...], stride: Any, dilation: Any, groups: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return strides and dilations; check them, the dims of the kernel and the groups."""
    if len(kernel) != n:
        raise ShapeError(
            explain(
                where,
                got=f"a weight with {len(kernel)} kernel dims {kernel}",
                expected=f"one with {n} kernel dims",
            )
        )
    if one_int(groups, where, "groups") < 1:
        raise RuntimeError(explain(where, got=f"groups={groups}", expected="groups >= 1"))
    return (
        per_dim(stride, n, where, "stride", low=1),
        per_dim(dilation, n, where, "dilation", low=1),
    )


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
    expect_tensors(f"conv{n}d", input, weight)
    kernel = weight._array.shape[2:]
    try:
        options = _geometry(n, kernel, stride, padding, dilation, groups)
    except TypeError:  # a list does not hash
        options = _geometry(n, kernel, *map(hashable, (stride, padding, dilation)), groups)
    ndim = input._array.ndim
    if ndim == n + 2:
        return apply(conv, (input, weight, bias), options)
    if ndim == n + 1:
        return apply(conv, (input.unsqueeze(0), weight, bias), options).squeeze(0)
    raise _wrong_dims(f"conv{n}d", n, input.shape)


def _wrong_dims(where: str, n: int, shape: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        explain(
            where,
            got=f"input {shape}",
            expected=f"{n + 2} dims (N, C, *S), or {n + 1} (C, *S) without a batch",
        )
    )


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


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Return the convolution of sequences that lie time first; see `conv1d`.

    Args:
        input: (T, N, C).
        weight: (K, C, F).
        bias: (F).
        pad: int, zeros on both sides of the time; default 0, negative cuts.

    Shape:
        (T, N, C) -> (T + 2 pad - K + 1, N, F)

    Raises:
        RuntimeError: for shapes or dtypes that do not fit.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_tbc.html
    """
    expect_tensors("conv_tbc", input, weight, bias)
    for name, given, dims in (("input", input, 3), ("weight", weight, 3), ("bias", bias, 1)):
        if given.ndim != dims:
            raise ShapeError(
                explain("conv_tbc", got=f"{name} {given.shape}", expected=f"{dims} dims")
            )
    options = {"stride": (1,), "padding": ((pad, pad),), "dilation": (1,), "groups": 1}
    lines = (input.permute(1, 2, 0), weight.permute(2, 1, 0), bias)
    return apply(conv, lines, options).permute(2, 0, 1)


# ---- transposed


@lru_cache(maxsize=1024)
def _transposed_geometry(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the sizes of the output and the convolution that it is the transpose of.

    Cells of the output padding lie behind those that this convolution sees, so it crops them.
    """
    n = len(size)
    where = f"conv_transpose{n}d"
    strides, dilations = _steps(where, n, kernel, stride, dilation, groups)
    pads = per_dim(padding, n, where, "padding", low=0)
    more = per_dim(output_padding, n, where, "output_padding", low=0)
    if any(m >= max(s, d) for m, s, d in zip(more, strides, dilations, strict=True)):
        raise RuntimeError(
            explain(
                where,
                got=f"output_padding {more} with stride {strides} and dilation {dilations}",
                expected="output_padding smaller than stride or dilation in each dim",
            )
        )
    sides = zip(size, kernel, strides, pads, more, dilations, strict=True)
    out = tuple((i - 1) * s - 2 * p + d * (k - 1) + m + 1 for i, k, s, p, m, d in sides)
    pairs = tuple((p, p - m) for p, m in zip(pads, more, strict=True))
    return out, {"stride": strides, "padding": pairs, "dilation": dilations, "groups": groups}


def _conv_transpose(
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    expect_tensors(f"conv_transpose{n}d", input, weight)
    shape, w = input._array.shape, weight._array.shape
    if len(shape) == n + 1:
        batch = input.unsqueeze(0)
        options = (stride, padding, output_padding, groups, dilation)
        return _conv_transpose(n, batch, weight, bias, *options).squeeze(0)
    if len(shape) != n + 2:
        raise _wrong_dims(f"conv_transpose{n}d", n, shape)
    try:
        given = (stride, padding, output_padding, dilation)
        out, geometry = _transposed_geometry(shape[2:], w[2:], *given, groups)
    except TypeError:  # a list does not hash
        out, geometry = _transposed_geometry(shape[2:], w[2:], *map(hashable, given), groups)
    x_shape = (shape[0], w[1] * groups, *out)
    return apply(conv_transpose, (input, weight, bias), {"x_shape": x_shape, **geometry})


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Return the transposed convolution of lines; see `conv_transpose2d`.

    Shape:
        input (N, C, L) or (C, L), weight (C, F / groups, K) -> (N, F, L') or (F, L')
    """
    return _conv_transpose(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Return the transposed convolution of images: what backward of `conv2d` does to its input.

    Each cell of the input adds its multiple of the kernel to the output; cells that no kernel
    reaches hold the bias alone.

    Args:
        input: (N, C, H, W), or (C, H, W) without a batch.
        weight: (C, F / groups, *K).
        bias: (F), or None.
        stride: int or one int per dim, cells from one kernel in the output to the next; default 1.
        padding: int or one per dim, cells cut off on both sides of the output; default 0.
        output_padding: int or one per dim, cells added behind the output; smaller than stride or
            dilation. Default 0.
        groups: int, splits channels and filters into groups that do not meet; default 1.
        dilation: int or one int per dim, cells from one tap of the kernel to the next; default 1.

    Shape:
        (N, C, H, W) -> (N, F, H', W') with
        H' = (H - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1

    Raises:
        RuntimeError: for shapes, dtypes or options that do not fit.

    Example:
        >>> import rushlight as rl
        >>> x = rl.arange(4.0).reshape(1, 1, 2, 2)
        >>> rl.nn.functional.conv_transpose2d(x, rl.ones(1, 1, 2, 2), stride=2)
        tensor([[[[0., 0., 1., 1.],
                  [0., 0., 1., 1.],
                  [2., 2., 3., 3.],
                  [2., 2., 3., 3.]]]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html
    """
    return _conv_transpose(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Return the transposed convolution of volumes; see `conv_transpose2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), weight (C, F / groups, *K) -> (N, F, D', H', W')
    """
    return _conv_transpose(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
