"""Making tensors: from data, filled, counted, and at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array, as_dtype, get_default_dtype, is_array, is_float
from rushlight.errors import DeviceError, DtypeError, ShapeError, explain
from rushlight.functional.dims import varargs
from rushlight.random import Generator, source_of
from rushlight.tape import TensorBase, state, traced, untaped, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "arange",
    "as_tensor",
    "bernoulli",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "is_tensor",
    "linspace",
    "logspace",
    "multinomial",
    "normal",
    "numel",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]


def check_device(device: Any) -> None:
    """Refuse a device other than the CPU."""
    if device is not None and str(device).partition(":")[0] != "cpu":
        raise DeviceError(
            explain("device", got=repr(str(device)), expected="'cpu'", fix="drop the argument")
        )


def _finish(array: Array, device: Any, requires_grad: bool) -> Tensor:
    check_device(device)
    out = wrap(array)
    if requires_grad:
        out.requires_grad = True
    return out


def is_tensor(obj: object) -> bool:
    """Tell whether `obj` is a Tensor."""
    return isinstance(obj, TensorBase)


def numel(input: Tensor) -> int:
    """Return the number of elements."""
    return int(input._array.size)


# ---- from data


def _array(data: Any, dtype: Any) -> Array:
    """Return a new array of `data`; Python floats get the default dtype."""
    if isinstance(data, TensorBase):
        data = data._array
    if is_array(data) or isinstance(data, np.generic):
        return np.array(data, dtype=as_dtype(data.dtype if dtype is None else dtype), order="K")
    data = _unwrapped(data)
    try:
        found = np.array(data)
    except ValueError as error:
        raise ValueError(
            explain("tensor", got="rows of unequal length", expected="a regular nested sequence")
        ) from error
    if dtype is None:
        plain = found.dtype == np.float64 and not isinstance(_first(data), (np.generic, np.ndarray))
        dtype = get_default_dtype() if plain else found.dtype
        if found.size == 0 and not is_array(data):
            dtype = get_default_dtype()
    if found.dtype.kind not in "biuf":
        raise DtypeError(
            explain("tensor", got=f"data of type {found.dtype}", expected="numbers or bools")
        )
    return found.astype(as_dtype(dtype), copy=False)


def _first(data: Any) -> Any:
    """Return the first number of nested sequences: NumPy's keep their dtype."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _unwrapped(data: Any) -> Any:
    """Return nested sequences with plain numbers where tensors stood."""
    if isinstance(data, TensorBase):
        return data.tolist()  # type: ignore[attr-defined]
    if isinstance(data, (list, tuple)) and any(
        isinstance(x, (TensorBase, list, tuple)) for x in data
    ):
        return [_unwrapped(x) for x in data]
    return data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor with a copy of `data`.

    Args:
        data: a number, a nested sequence, an array or a tensor.
        dtype: default: float32 (the default dtype) for Python floats, else the data's own.
        device: 'cpu' or None.
        requires_grad: whether gradients are to be computed; default False.

    Example:
        >>> import rushlight as rl
        >>> rl.tensor([[1, 2], [3, 4]]).sum()
        tensor(10)
    """
    if isinstance(data, TensorBase):
        return _copy(data, dtype, device, requires_grad)
    return _constant(_finish(_array(data, dtype), device, requires_grad))


def _constant(made: Tensor) -> Tensor:
    """Let a trace know what a tensor holds when it is made: it may be written to."""
    if state.trace is not None:
        held = {"value": made._array.copy()}
        state.trace.append((untaped("constant"), (), held, (made,), ()))
    return made


@traced(name="copy")
def _copy(data: TensorBase, dtype: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Copy the elements of a tensor, outside the graph."""
    return _finish(_array(data, dtype), device, requires_grad)


def scalar_tensor(s: float, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Make a tensor without dims, of the default dtype."""
    return _finish(
        np.asarray(s, get_default_dtype() if dtype is None else as_dtype(dtype)), device, False
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Make a tensor of `data`, sharing its memory where no conversion is needed."""
    check_device(device)
    if isinstance(data, TensorBase) and (dtype is None or as_dtype(dtype) == data._array.dtype):
        return data  # type: ignore[return-value]
    if isinstance(data, TensorBase):
        return _copy(data, dtype)
    if is_array(data) and (dtype is None or as_dtype(dtype) == data.dtype):
        return from_numpy(data)
    return _constant(_finish(_array(data, dtype), None, False))


def from_numpy(ndarray: Array) -> Tensor:
    """Make a tensor that shares the memory of an array.

    Raises:
        TypeError: for anything but an array, or an unsupported dtype.
    """
    if not is_array(ndarray):
        raise TypeError(explain("from_numpy", got=type(ndarray).__name__, expected="a NumPy array"))
    native = as_dtype(ndarray.dtype.newbyteorder("="))
    return wrap(np.asarray(ndarray) if ndarray.dtype.isnative else ndarray.astype(native))


# ---- filled


def _dtype(dtype: Any) -> Any:
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def _shape(sizes: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """Return the shape given as ints, as one sequence, or by the keyword `size`."""
    found = varargs(sizes if size is None else (*sizes, size))
    if min(found, default=0) < 0:
        raise ShapeError(explain("shape", got=found, expected="sizes >= 0"))
    return found


def empty(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make an uninitialized tensor."""
    return _finish(np.empty(_shape(shape, size), _dtype(dtype)), device, requires_grad)


def zeros(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of zeros.

    Example:
        >>> import rushlight as rl
        >>> rl.zeros(2, 2)
        tensor([[0., 0.],
                [0., 0.]])
    """
    return _filled(_shape(shape, size), 0, _dtype(dtype), device, requires_grad)


def ones(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of ones."""
    return _filled(_shape(shape, size), 1, _dtype(dtype), device, requires_grad)


def full(
    size: Sequence[int],
    fill_value: float,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of one value; its dtype follows the value unless it is given."""
    value = fill_value.item() if isinstance(fill_value, (TensorBase, np.generic)) else fill_value  # type: ignore[union-attr]
    if dtype is None and not isinstance(value, float):
        dtype = np.bool_ if isinstance(value, bool) else np.int64
    return _filled(_shape((size,)), value, _dtype(dtype), device, requires_grad)


@traced(0, "full")
def _filled(
    size: tuple[int, ...], fill_value: float, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    zero = type(fill_value) is int and fill_value == 0  # memory that comes as zeros is not written
    array = np.zeros(size, dtype) if zero else np.full(size, fill_value, dtype)
    return _finish(array, device, requires_grad)


def _like(input: Tensor, dtype: Any) -> Array:
    """Allocate in the shape and layout of another tensor."""
    return np.empty_like(
        input._array, dtype=input._array.dtype if dtype is None else as_dtype(dtype)
    )


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make an uninitialized tensor of the shape, dtype and layout of another."""
    return _finish(_like(input, dtype), device, requires_grad)


@traced()
def full_like(
    input: Tensor,
    fill_value: float,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of one value in the shape, dtype and layout of another."""
    out = _like(input, dtype)
    out.fill(fill_value)
    return _finish(out, device, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of zeros in the shape, dtype and layout of another."""
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of ones in the shape, dtype and layout of another."""
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


@traced(0)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make the n x m identity matrix."""
    return _finish(np.eye(n, m, dtype=_dtype(dtype)), device, requires_grad)


# ---- counted


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make start, start + step, ... below `end`; int64 if all arguments are ints.

    Raises:
        RuntimeError: if step is 0 or leads away from the end.
    """
    first, last = (0, start) if end is None else (start, end)
    first, last, step = (x.item() if hasattr(x, "item") else x for x in (first, last, step))
    if step == 0 or (last - first) * step < 0:
        raise RuntimeError(
            explain("arange", got=f"{first} to {last} by {step}", expected="a step towards the end")
        )
    if dtype is None and all(isinstance(v, int) for v in (first, last, step)):
        dtype = np.int64
    return _counted(first, last, step, _dtype(dtype), device, requires_grad)


@traced(0, "arange")
def _counted(
    start: float, end: float, step: float, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    count = int(np.ceil((end - start) / step))
    values = start + np.arange(count) * step
    return _finish(values.astype(dtype), device, requires_grad)


@traced(0)
def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make `steps` evenly spaced values from start to end, both included."""
    return _finish(np.linspace(start, end, steps).astype(_dtype(dtype)), device, requires_grad)


@traced(0)
def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make `steps` values from base^start to base^end, evenly spaced in the exponent."""
    values = np.power(base, np.linspace(start, end, steps))
    return _finish(values.astype(_dtype(dtype)), device, requires_grad)


# ---- random


def _random(draw: Any, dtype: Any, generator: Generator | None) -> Array:
    found = _dtype(dtype)
    if not is_float(found):
        raise DtypeError(explain("random", got=found.name, expected="a floating dtype"))
    values: Array = draw(source_of(generator), found)
    return np.asarray(values).astype(found, copy=False)


@traced(0)
def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from the uniform distribution on [0, 1)."""
    shape = _shape(shape, size)
    return _finish(
        _random(lambda g, d: g.random(shape, d), dtype, generator), device, requires_grad
    )


@traced(0)
def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from the standard normal distribution."""
    shape = _shape(shape, size)
    return _finish(_random(lambda g, d: g.normal(shape), dtype, generator), device, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw uniformly from [0, 1) in the shape and dtype of another tensor."""
    return rand(
        input._array.shape,
        generator=generator,
        dtype=input._array.dtype if dtype is None else dtype,
        device=device,
        requires_grad=requires_grad,
    )


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw standard normal numbers in the shape and dtype of another tensor."""
    return randn(
        input._array.shape,
        generator=generator,
        dtype=input._array.dtype if dtype is None else dtype,
        device=device,
        requires_grad=requires_grad,
    )


@traced(0)
def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw integers from {low, ..., high - 1}; `randint(high, size)` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    source = source_of(generator)
    values = source.integers(low, high, _shape((size,)))
    return _finish(
        values.astype(np.int64 if dtype is None else as_dtype(dtype)), device, requires_grad
    )


@traced(0)
def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Return 0 to n - 1 in random order."""
    check_device(device)
    source = source_of(generator)
    return wrap(source.permutation(n).astype(np.int64 if dtype is None else as_dtype(dtype)))


@traced(0)
def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None
) -> Tensor:
    """Draw from normal distributions: numbers with `size`, or tensors of means and deviations."""
    if size is None:
        shape = np.broadcast_shapes(
            np.shape(getattr(mean, "_array", mean)), np.shape(getattr(std, "_array", std))
        )
        noise = randn(shape, generator=generator)
    else:
        noise = randn(size, generator=generator)
    return noise * std + mean


@traced()
def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Draw 0 or 1 with the probabilities in `input`."""
    source = source_of(generator)
    p = input._array
    if not is_float(p.dtype) or not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(
            explain("bernoulli", got="values outside [0, 1]", expected="probabilities")
        )
    return wrap((source.random(p.shape, np.dtype(np.float64)) < p).astype(p.dtype))


@traced()
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Draw indices with probabilities proportional to the weights in `input`, row by row.

    Raises:
        RuntimeError: if a weight is negative or not finite, all are 0, or there are too few of them
            to draw without replacement.
    """
    weights = input._array.astype(np.float64)
    total = weights.sum(-1, keepdims=True)
    if weights.ndim not in (1, 2) or not np.isfinite(total).all() or (weights < 0).any():
        raise RuntimeError(
            explain("multinomial", got=f"weights {input.shape}", expected="finite ones >= 0")
        )
    if (total == 0).any() or (not replacement and (weights > 0).sum(-1).min() < num_samples):
        raise RuntimeError(
            explain("multinomial", got="too few weights > 0", expected=f"{num_samples} or more")
        )
    source = source_of(generator)
    float64 = np.dtype(np.float64)
    if replacement:
        ends = (weights / total).cumsum(-1)
        draws = source.random((*weights.shape[:-1], num_samples), float64) * ends[..., -1:]
        found = (draws[..., None] >= ends[..., None, :]).sum(-1)
        return wrap(found.astype(np.int64))
    # the smallest of exponential times, of which that of weight w has rate w, wins
    with np.errstate(divide="ignore"):
        times = -np.log1p(-source.random(weights.shape, float64)) / weights
    return wrap(np.argsort(times, axis=-1, kind="stable")[..., :num_samples])
