"""Convolution and its two gradients, which close under differentiation.

A convolution is linear in the input x and in the weight w, so with its output's cotangent g the
three maps conv(x, w), conv_transpose(g, w) and conv_weight(x, g) are each other's gradients:

    <conv(x, w), g> = <x, conv_transpose(g, w)> = <w, conv_weight(x, g)>

As layers, conv and conv_transpose add a bias; conv_transpose is told the shape of its result, for
several sizes of x have a convolution of the size of g.

Shapes, in any number of spatial dimensions: x (N, C, *S), w (F, C / groups, *K), g (N, F, *O) with
O = floor((S + lo + hi - dilation * (K - 1) - 1) / stride) + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import through_relu
from rushlight.ops.reduce import sum as reduce_sum

__all__ = ["conv", "conv_transpose", "conv_weight"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Ints: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]

_forward = kernel("conv_forward")
_input_grad = kernel("conv_input_grad")
_weight_grad = kernel("conv_weight_grad")
_bias_grad = kernel("conv_bias_grad")


# ---- checks: comparisons first, text only when one has failed


def _fits(x: Ints, w: Ints, groups: int) -> bool:
    return (
        len(x) == len(w) > 2
        and x[1] == w[1] * groups
        and w[0] % groups == 0
        and min(x[1:]) > 0 < min(w)
    )


def _sizes(x: Ints, w: Ints, stride: Ints, padding: Pairs, dilation: Ints) -> Ints:
    """Return the spatial sizes of the output."""
    return tuple(
        [
            (size + lo + hi - d * (k - 1) - 1) // s + 1
            for size, k, s, (lo, hi), d in zip(x[2:], w[2:], stride, padding, dilation, strict=True)
        ]
    )


def _misfit(
    where: str, x: Ints, w: Ints, padding: Pairs, dilation: Ints, groups: int
) -> ShapeError:
    """Say why an input and a weight do not go together."""
    where = f"{where}{len(w) - 2}d"
    got = f"input {x} with weight {w}"
    if len(w) < 3 or len(x) != len(w):
        sizes = "*" if len(w) < 3 else ", ".join("DHW"[5 - len(w) :] or "*")
        return ShapeError(
            explain(
                where,
                got=got,
                expected=f"input (N, C, {sizes}) and weight (F, C / groups, *K)",
                fix="add or drop a dim of the input (unsqueeze, squeeze)",
            )
        )
    if w[0] % groups:
        return ShapeError(
            explain(
                where,
                got=f"weight {w} with groups={groups}",
                expected="a number of filters that groups divides",
            )
        )
    if x[1] != w[1] * groups:
        last = x[-1] == w[1] * groups
        return ShapeError(
            explain(
                where,
                got=f"{got}, groups={groups}",
                expected=f"{w[1] * groups} channels in dim 1 of the input, not {x[1]}",
                fix="the channels are last: move them with permute"
                if last
                else f"set in_channels to {x[1]}",
            )
        )
    if min(x[1:]) == 0 or min(w) == 0:
        return ShapeError(explain(where, got=got, expected="no size 0 but that of the batch"))
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(x[2:], padding, strict=True))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(w[2:], dilation, strict=True))
    return ShapeError(
        explain(
            where,
            got=f"input {x}, whose padded size is {padded}, with a kernel that spans {reach}",
            expected="a kernel no larger than the padded input",
            fix="pad more, or pool less before this layer",
        )
    )


def _dtypes(where: str, *arrays: Any) -> DtypeError:
    return DtypeError(
        explain(
            where,
            got=f"dtypes {[a.dtype.name for a in arrays if a is not None]}",
            expected="one dtype",
            fix="convert with .to(...) first",
        )
    )


def _check(
    where: str, x: Ints, w: Ints, g: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> None:
    """Check that g is a cotangent of conv(x, w); for the two gradients."""
    if not _fits(x, w, groups):
        raise _misfit(where, x, w, padding, dilation, groups)
    right = (x[0], w[0], *_sizes(x, w, stride, padding, dilation))
    if g != right:
        raise ShapeError(
            explain(
                where,
                got=f"gradient {g} for input {x} and weight {w}",
                expected=f"gradient {right}",
            )
        )


# ---- the three ops


def _conv_check(
    x: Any,
    w: Any,
    b: Any,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    **_: Any,
) -> None:
    if x.dtype != w.dtype or (b is not None and b.dtype != w.dtype):
        raise _dtypes(f"conv{w.ndim - 2}d", x, w, b)
    if (
        not _fits(x.shape, w.shape, groups)
        or min(_sizes(x.shape, w.shape, stride, padding, dilation)) < 1
    ):
        raise _misfit("conv", x.shape, w.shape, padding, dilation, groups)
    if b is not None and b.shape != w.shape[:1]:
        raise ShapeError(
            explain(f"conv{w.ndim - 2}d", got=f"bias {b.shape}", expected=f"({w.shape[0]},)")
        )


def _conv_forward(
    x: Any,
    w: Any,
    b: Any,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    relu: bool = False,
) -> Result:
    y = _forward(x, w, b, stride, padding, dilation, groups, relu)
    kept = (y,) if relu else ()
    return (y,), Saved((x, w, None), kept, (stride, padding, dilation, groups))


def _options(saved: Saved) -> dict[str, Any]:
    return dict(zip(("stride", "padding", "dilation", "groups"), saved.constants, strict=True))


def _conv_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), g = saved.inputs, through_relu(saved, grads[0])
    return (
        _input_grad(g, w, x.shape, *saved.constants) if needs[0] else None,
        _weight_grad(x, g, w.shape, *saved.constants) if needs[1] else None,
        _bias_grad(g) if needs[2] else None,
    )


def _bias_sum(g: Any) -> Any:
    """(N, F, *O) -> (F,), in terms that a Tensor can follow"""
    return reduce_sum(g, dims=(0, *range(2, g.ndim)), keepdim=False)


def _conv_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), options = saved.inputs, _options(saved)
    g = through_relu(saved, grads[0])
    return (
        conv_transpose(g, w, None, x_shape=x.shape, **options) if needs[0] else None,
        conv_weight(x, g, w_shape=w.shape, **options) if needs[1] else None,
        _bias_sum(g) if needs[2] else None,
    )


def _transpose_check(
    g: Any,
    w: Any,
    b: Any,
    x_shape: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    **_: Any,
) -> None:
    if g.dtype != w.dtype or (b is not None and b.dtype != w.dtype):
        raise _dtypes(f"conv_transpose{w.ndim - 2}d", g, w, b)
    if (
        not len(g.shape) == len(w.shape) == len(x_shape) > 2
        or g.shape[1] != w.shape[0]
        or w.shape[0] % groups
        or min(g.shape[1:]) == 0
        or min(w.shape) == 0
        or min(x_shape[2:]) < 1
    ):
        raise _transpose_misfit(g.shape, w.shape, x_shape, groups)
    _check("conv_transpose", x_shape, w.shape, g.shape, stride, padding, dilation, groups)
    if b is not None and b.shape != x_shape[1:2]:
        raise ShapeError(
            explain(f"conv_transpose{w.ndim - 2}d", got=f"bias {b.shape}", expected=x_shape[1:2])
        )


def _transpose_misfit(g: Ints, w: Ints, x: Ints, groups: int) -> ShapeError:
    """Say why the input and the weight of a transposed convolution do not go together."""
    got, fix = f"input {g} with weight {w}", ""
    if not len(g) == len(w) == len(x) > 2:
        expected = "input (N, C, *S) and weight (C, F / groups, *K) with as many dims"
        fix = "add or drop a dim of the input (unsqueeze, squeeze)"
    elif w[0] % groups:
        got, expected = f"weight {w} with groups={groups}", "in_channels that groups divides"
    elif g[1] != w[0]:
        expected = f"{w[0]} channels in dim 1 of the input, not {g[1]}"
        last = g[-1] == w[0]
        fix = f"set in_channels to {g[1]}"
        fix = "the channels are last: move them with permute" if last else fix
    elif min(g[1:]) == 0 or min(w) == 0:
        expected = "no size 0 but that of the batch"
    else:
        got, expected = f"{got}, output {x}", "an output of at least 1 cell"
        fix = "pad less: padding cuts the output"
    return ShapeError(explain(f"conv_transpose{len(w) - 2}d", got=got, expected=expected, fix=fix))


def _transpose_forward(
    g: Any,
    w: Any,
    b: Any,
    x_shape: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    groups: int,
    relu: bool = False,
) -> Result:
    geometry = (stride, padding, dilation, groups)
    x = _input_grad(g, w, x_shape, *geometry, b, relu)
    return (x,), Saved((g, w, None), (x,) if relu else (), geometry)


def _transpose_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (g, w, _), x = saved.inputs, through_relu(saved, grads[0])
    return (
        _forward(x, w, None, *saved.constants) if needs[0] else None,
        _weight_grad(x, g, w.shape, *saved.constants) if needs[1] else None,
        _bias_grad(x) if needs[2] else None,
    )


def _transpose_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (g, w, _), options = saved.inputs, _options(saved)
    x = through_relu(saved, grads[0])
    return (
        conv(x, w, None, **options) if needs[0] else None,
        conv_weight(x, g, w_shape=w.shape, **options) if needs[1] else None,
        _bias_sum(x) if needs[2] else None,
    )


def _weight_forward(
    x: Any, g: Any, w_shape: Ints, stride: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Result:
    geometry = (stride, padding, dilation, groups)
    if x.dtype != g.dtype:
        raise _dtypes("conv_weight", x, g)
    _check("conv_weight", x.shape, w_shape, g.shape, *geometry)
    return (_weight_grad(x, g, w_shape, *geometry),), Saved((x, g), constants=geometry)


def _weight_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, g), w, options = saved.inputs, grads[0], _options(saved)
    return (
        conv_transpose(g, w, None, x_shape=x.shape, **options) if needs[0] else None,
        conv(x, w, None, **options) if needs[1] else None,
    )


conv = define(
    "conv",
    _conv_forward,
    _conv_backward,
    graph_backward=_conv_graph_backward,
    fresh=True,
    takes_relu=True,
    check=_conv_check,
)
conv_transpose = define(
    "conv_transpose",
    _transpose_forward,
    _transpose_backward,
    graph_backward=_transpose_graph_backward,
    fresh=True,
    takes_relu=True,
    check=_transpose_check,
)
conv_weight = define("conv_weight", _weight_forward, _weight_backward, fresh=True)
