"""Pooling: maximum and average, of windows, adaptive and fractional, in any number of dimensions.

x (N, C, *S) -> y (N, C, *O). Indices are flat places in a plane of S. Which cell is a window's
maximum is piecewise constant, so the gradient of a maximum scatters by indices, and the gradient
of that gathers by them.

Kernels lay a gradient out as g is laid out. Behind a flatten g is C-ordered where the input was
channels-last, so the ops of the gradients are told (`channels_last`) and turn g, the smaller one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

from rushlight.arrays import as_channels_last, require_float
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import mask, relu_gradient

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool_grad",
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_grad",
    "fractional_max_pool",
    "max_pool",
    "max_pool_gather",
    "max_pool_scatter",
    "max_pool_with_indices",
    "max_unpool",
    "require_float",
]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Ints: TypeAlias = tuple[int, ...]

_max_forward = kernel("max_pool_forward")
_max_grad = kernel("max_pool_grad")
_max_indices = kernel("max_pool_indices")
_scatter = kernel("max_pool_scatter")
_gather = kernel("max_pool_gather")
_avg_forward = kernel("avg_pool_forward")
_avg_grad = kernel("avg_pool_grad")
_adaptive_avg_forward = kernel("adaptive_avg_forward")
_adaptive_avg_grad = kernel("adaptive_avg_grad")
_adaptive_max_forward = kernel("adaptive_max_forward")
_fractional_cells = kernel("fractional_cells")
_unpool = kernel("max_unpool")


def _check(where: str, x: Any, dims: int) -> None:
    if x.ndim != dims + 2 or 0 in x.shape[1:]:
        raise ShapeError(
            explain(
                f"{where}{dims}d",
                got=f"input {x.shape}",
                expected=f"(N, C, *S) with {dims} dims S, none but N of size 0",
            )
        )


def _match(where: str, g: Any, shape: Ints) -> None:
    """Check that g is a gradient of pooled planes of an input `shape`."""
    if g.ndim != len(shape) or g.shape[:2] != shape[:2]:
        raise ShapeError(
            explain(where, got=f"{g.shape} for an input {shape}", expected="the same N and C")
        )


def _is_last(x: Any) -> bool:
    """Tell whether x lies channels-last, at the cost of a comparison."""
    return x.strides[1] == x.itemsize and x.shape[1] > 1


def _laid(g: Any, channels_last: bool) -> Any:
    return as_channels_last(g) if channels_last else g


# ---- maximum of windows


def _max_check(x: Any, n: int) -> None:
    _check("max_pool", x, n)
    if x.dtype.kind == "b":
        raise DtypeError(explain(f"max_pool{n}d", got="bool", expected="numbers", fix=".float()"))


def _max_pool_check(x: Any, kernel: Ints, **_: Any) -> None:
    _max_check(x, len(kernel))
    if len(kernel) == 1:  # as in torch, which takes integers with indices and in more dims
        require_float("max_pool1d", x.dtype)


def _max_pool_forward(
    x: Any,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    out_size: Ints,
    relu: bool = False,
) -> Result:
    # relu behind the maximum gives what it gives before; backward needs no winners where y is 0
    y = _max_forward(x, kernel, stride, padding, dilation, out_size, relu)
    return (y,), Saved((x,), (y,), ((kernel, stride, padding, dilation), relu))


def _max_pool_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x,), (y,), (windows, relu) = saved.inputs, saved.outputs, saved.constants
    return (_max_grad(grads[0], x, y, *windows, relu),)


def _max_pool_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (windows, relu), x, y = saved.constants, mask(saved.inputs[0]), mask(saved.outputs[0])
    g = relu_gradient(grads[0], y) if relu else grads[0]
    indices = _max_indices(x, y, *windows)
    return (max_pool_scatter(g, indices=indices, x_shape=x.shape),)


max_pool = define(
    "max_pool",
    _max_pool_forward,
    _max_pool_backward,
    graph_backward=_max_pool_graph_backward,
    fresh=True,
    takes_relu=True,
    check=_max_pool_check,
)


def _with_indices_forward(
    x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out_size: Ints
) -> Result:
    _max_check(x, len(kernel))
    y = _max_forward(x, kernel, stride, padding, dilation, out_size)
    indices = _max_indices(x, y, kernel, stride, padding, dilation)
    return (y, indices), Saved((None,), (None, indices), constants=(x.shape, _is_last(x)))


def _by_indices_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    indices, (x_shape, last) = mask(saved.outputs[1]), saved.constants
    return (max_pool_scatter(grads[0], indices=indices, x_shape=x_shape, channels_last=last),)


max_pool_with_indices = define(
    "max_pool_with_indices", _with_indices_forward, _by_indices_backward, fresh=True
)


def _adaptive_max_pool_forward(x: Any, out_size: Ints) -> Result:
    _check("adaptive_max_pool", x, len(out_size))
    require_float("adaptive_max_pool", x.dtype)
    y, indices = _adaptive_max_forward(x, out_size)
    return (y, indices), Saved((None,), (None, indices), constants=(x.shape, _is_last(x)))


adaptive_max_pool = define(
    "adaptive_max_pool", _adaptive_max_pool_forward, _by_indices_backward, fresh=True
)


def _scatter_forward(g: Any, indices: Any, x_shape: Ints, channels_last: bool = False) -> Result:
    _match("max_pool_scatter", g, x_shape)
    _match("max_pool_scatter", indices, x_shape)
    return (_scatter(_laid(g, channels_last), indices, x_shape),), Saved((None,), constants=indices)


def _scatter_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (max_pool_gather(grads[0], indices=saved.constants),)


def _gather_forward(x: Any, indices: Any, channels_last: bool = False) -> Result:
    _match("max_pool_gather", indices, x.shape)
    y = _laid(_gather(x, indices), channels_last)
    return (y,), Saved((None,), constants=(indices, x.shape))


def _gather_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    indices, x_shape = saved.constants
    return (max_pool_scatter(grads[0], indices=indices, x_shape=x_shape),)


max_pool_scatter = define("max_pool_scatter", _scatter_forward, _scatter_backward, fresh=True)
max_pool_gather = define("max_pool_gather", _gather_forward, _gather_backward, fresh=True)


# ---- maximum of windows at random starts


def _fractional_forward(x: Any, samples: Any, kernel: Ints, out_size: Ints) -> Result:
    n = len(kernel)
    _check("fractional_max_pool", x, n)
    require_float("fractional_max_pool", x.dtype)
    if samples.shape != (*x.shape[:2], n):
        raise ShapeError(
            explain(
                "fractional_max_pool",
                got=f"samples {samples.shape} for an input {x.shape}",
                expected=(*x.shape[:2], n),
            )
        )
    windows = (kernel, kernel, (0,) * n)
    cells = _fractional_cells(samples, x.shape[2:], kernel, out_size)
    wide = _gather(x, cells)  # every window apart from the others
    y = _max_forward(wide, *windows, (1,) * n, out_size)
    last = _is_last(x)
    indices = _laid(_gather(cells, _max_indices(wide, y, *windows, (1,) * n)), last)
    return (y, indices), Saved((None,), (None, indices), constants=(x.shape, last))


fractional_max_pool = define(
    "fractional_max_pool", _fractional_forward, _by_indices_backward, fresh=True
)


# ---- the way back from a maximum: values at their cells, zeros elsewhere


def _unpool_forward(x: Any, indices: Any, size: Ints) -> Result:
    where = f"max_unpool{len(size)}d"
    _check("max_unpool", x, len(size))
    require_float(where, x.dtype)
    if indices.shape != x.shape:
        got = f"input {x.shape} with indices {indices.shape}"
        raise ShapeError(explain(where, got=got, expected="equal shapes"))
    if indices.dtype.name != "int64":
        raise DtypeError(
            explain(where, got=f"indices {indices.dtype.name}", expected="int64", fix=".long()")
        )
    cells = prod(size)
    if x.size and not (indices.min() >= 0 and indices.max() < cells):
        raise RuntimeError(
            explain(
                where,
                got=f"indices {indices.min()} to {indices.max()}",
                expected=f"0 to {cells - 1} for planes {size}",
                fix="pass the output_size of the planes that were pooled",
            )
        )
    y = _unpool(x, indices, (*x.shape[:2], *size))
    return (y,), Saved((None,), constants=(indices, _is_last(x)))


def _unpool_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    indices, last = saved.constants
    return (max_pool_gather(grads[0], indices=indices, channels_last=last),)


max_unpool = define("max_unpool", _unpool_forward, _unpool_backward, fresh=True)


# ---- average of windows


def _avg_pool_forward(
    x: Any,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    out_size: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Result:
    _check("avg_pool", x, len(kernel))
    require_float("avg_pool", x.dtype)
    if len(kernel) == 3 and x.dtype.itemsize < 4:  # as in torch
        expected = "float32 or float64"
        raise DtypeError(
            explain("avg_pool3d", got=x.dtype.name, expected=expected, fix="use .float() first")
        )
    windows, rule = (kernel, stride, padding), (count_include_pad, divisor_override)
    y = _avg_forward(x, *windows, out_size, *rule)
    return (y,), Saved((None,), constants=(x.shape, _is_last(x), windows, *rule))


def _avg_pool_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x_shape, last, (kernel, stride, padding), include, override = saved.constants
    return (
        avg_pool_grad(
            grads[0],
            x_shape=x_shape,
            channels_last=last,
            kernel=kernel,
            stride=stride,
            padding=padding,
            count_include_pad=include,
            divisor_override=override,
        ),
    )


def _avg_grad_forward(
    g: Any,
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
    channels_last: bool = False,
) -> Result:
    windows, rule = (kernel, stride, padding), (count_include_pad, divisor_override)
    _match("avg_pool_grad", g, x_shape)
    dx = _avg_grad(_laid(g, channels_last), x_shape, *windows, *rule)
    return (dx,), Saved((None,), constants=(g.shape[2:], windows, *rule))


def _avg_grad_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    out_size, (kernel, stride, padding), include, override = saved.constants
    return (
        avg_pool(
            grads[0],
            kernel=kernel,
            stride=stride,
            padding=padding,
            out_size=out_size,
            count_include_pad=include,
            divisor_override=override,
        ),
    )


avg_pool = define("avg_pool", _avg_pool_forward, _avg_pool_backward, fresh=True)
avg_pool_grad = define("avg_pool_grad", _avg_grad_forward, _avg_grad_backward, fresh=True)


def _adaptive_avg_pool_forward(x: Any, out_size: Ints) -> Result:
    _check("adaptive_avg_pool", x, len(out_size))
    require_float("adaptive_avg_pool", x.dtype)
    return (_adaptive_avg_forward(x, out_size),), Saved((None,), constants=(x.shape, _is_last(x)))


def _adaptive_avg_pool_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    x_shape, last = saved.constants
    return (adaptive_avg_pool_grad(grads[0], x_shape=x_shape, channels_last=last),)


def _adaptive_avg_grad_forward(g: Any, x_shape: Ints, channels_last: bool = False) -> Result:
    _match("adaptive_avg_pool_grad", g, x_shape)
    return (_adaptive_avg_grad(_laid(g, channels_last), x_shape),), Saved(
        (None,), constants=g.shape[2:]
    )


def _adaptive_avg_grad_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (adaptive_avg_pool(grads[0], out_size=saved.constants),)


adaptive_avg_pool = define(
    "adaptive_avg_pool", _adaptive_avg_pool_forward, _adaptive_avg_pool_backward, fresh=True
)
adaptive_avg_pool_grad = define(
    "adaptive_avg_pool_grad", _adaptive_avg_grad_forward, _adaptive_avg_grad_backward, fresh=True
)
