"""Routines: recorded calls made ready to be made in order, many times.

The compiled extension takes the calls of its own kernels, of elementwise functions, of matrix
products and of copies, all with arguments that were converted once; these cost no Python. What
computes an elementwise function or a product is NumPy's own inner loop, so that it has its bits.
Other calls, and all without the extension, are those of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import is_kernel, native
from rushlight.plans.calls import Call, fill
from rushlight.plans.draws import Draw
from rushlight.plans.steps import Step

__all__ = ["routine"]

# Elementwise functions whose result is the nearest number, or one of the operands: it is the same
# wherever in an array the operands lie (but for the sign of a NaN made of two). That is so of real
# numbers, not of complex ones.
_EXACT = {np.add, np.subtract, np.multiply, np.divide, np.square, np.sqrt, np.negative, np.absolute}
_EXACT |= {np.maximum, np.minimum, np.logical_and, np.logical_or, np.logical_not, np.sign}
_EXACT |= {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert}
_ASKING = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal}
_EXACT |= _ASKING  # these have a dtype that says nothing of their operands
_NAMED = {np.maximum, np.minimum}  # NumPy warns of a result that is given them by place
_REAL = (np.float32, np.float64)
# Functions whose result has the elements of an array in C order.
_IN_ORDER = {np.ndarray.reshape, np.ndarray.ravel, np.ndarray.flatten, np.reshape, np.ravel}
_IN_ORDER |= {np.ascontiguousarray}
_SPREAD = 16384  # elements up to which a row is spread first: what fits the cache

Made = tuple[Any, tuple[Any, ...], dict[str, Any]]  # function, arguments, options


def routine(calls: Sequence[Call], kept: Sequence[Any] | None = None) -> Callable[[], Any]:
    """Return a function that makes the calls in order, on the arrays that are their arguments.

    Args:
        calls: what is to be done.
        kept: for each of them a `native.Kept`, for what it makes of numbers that stay, or None;
            default None for all.
    """
    ready: list[Callable[[], Any]] = []
    rooms: dict[Any, Array] = {}
    kept = kept or [None] * len(calls)
    for call, keep in zip(map(_copied, calls), kept, strict=True):
        if isinstance(call[0], Step):
            ready += call[0].calls()
        elif call[0] is not np.copyto or call[1][0].size:
            parts = [call] if native is not None else _spread(call, rooms)
            ready += [_ready(*part, keep) for part in parts]
    if native is not None:
        made: Callable[[], Any] = native.Routine(tuple(ready))
        return made

    def run() -> None:
        for call in ready:
            call()

    return run


def _ready(
    function: Any, args: tuple[Any, ...], options: dict[str, Any], keep: Any = None
) -> Callable[[], Any]:
    """Return a function without arguments that makes a call."""
    if isinstance(function, Draw):
        return function.ready(*args)
    if isinstance(function, np.ufunc) and function.signature is None:
        args, options = _in_a_row(_as_arrays(function, args, options), options)
    prepared = None if native is None else _prepared(function, args, options, keep)
    if prepared is not None:
        return prepared
    if function is np.dot and options.keys() == {"out"} and all(map(_plain, args)):
        return partial(args[0].dot, args[1], options["out"])  # a third of a product of vectors less
    placed = isinstance(function, np.ufunc) and function.nout == 1 and function not in _NAMED
    if placed and options.keys() == {"out"}:
        return partial(function, *args, options["out"])  # a name costs as much as 1000 elements
    return partial(function, *args, **options)


def _copied(call: Call) -> Made:
    """Return function, arguments and options of a call: of a copy, where it is nothing else."""
    function, args, options = call.function, call.args, call.options
    to: Any = None
    value: Any = None
    if function is fill and args[1] in _IN_ORDER and args[0].flags.c_contiguous:
        to, _, (value, *rest), named = args
        ordered = named or any(isinstance(part, str) for part in rest)  # 'F', say
        if ordered or not _plain(value) or value.size != to.size:
            return function, args, options
        to = to.reshape(value.shape)
    elif function is np.ndarray.__setitem__ and _basic(args[1]):
        to, value = args[0][args[1]], args[2]
    if not (_plain(to) and _plain(value)) or to.dtype != value.dtype or value.ndim > to.ndim:
        return function, args, options
    return np.copyto, (to, value), {}


def _basic(key: Any) -> bool:
    """Tell whether indexing by a key makes a view."""
    kinds = (int, slice, type(None), type(...))
    return all(part.__class__ in kinds for part in (key if isinstance(key, tuple) else (key,)))


# ---- what the extension makes


def _prepared(function: Any, args: tuple[Any, ...], options: dict[str, Any], keep: Any) -> Any:
    """Return a call with its arguments converted; None where the extension cannot make it."""
    if is_kernel(function):
        return None if options else native.prepare(function, args, keep)
    arrays = (*args, options["out"]) if "out" in options else args
    if not all(map(_plain, arrays)):
        return None
    if function is np.copyto and options.keys() <= {"casting"} and args[0].dtype == args[1].dtype:
        return native.prepare_copy(args[1], args[0])
    if options.keys() != {"out"}:
        return None
    if function in _EXACT and not any(a.dtype.kind == "c" for a in arrays):
        which = _loop(function, *[a.dtype.char for a in arrays])
        return None if which is None else native.prepare_elementwise(function, which, arrays)
    return _product(*arrays) if function in (np.dot, np.matmul) else None


def _product(a: Array, b: Array, y: Array) -> Any:
    """Return a matrix product ready, where np.dot and np.matmul make the same call of BLAS."""
    if a.ndim == b.ndim == 1:
        a, b, y = a[None], b[:, None], y.reshape(1, 1)
    segments = all(x.flags.c_contiguous or x.flags.f_contiguous for x in (a, b))
    if not (segments and y.flags.c_contiguous) or not a.ndim == b.ndim == 2 or a.shape[1] < 2:
        return None
    which = _loop(np.matmul, a.dtype.char, b.dtype.char, y.dtype.char) if y.dtype in _REAL else None
    return None if which is None else native.prepare_product(np.matmul, which, (a, b, y))


def _plain(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.isnative


@cache
def _loop(ufunc: np.ufunc, *chars: str) -> int | None:
    """Return the number of the loop of a ufunc for operands and a result of these dtypes."""
    name = f"{''.join(chars[:-1])}->{chars[-1]}"
    return ufunc.types.index(name) if name in ufunc.types else None


# ---- what NumPy takes in less time


def _as_arrays(
    function: np.ufunc, args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Any, ...]:
    """Return a number beside an array as an array of its dtype, which NumPy takes in half the time.

    It is what NumPy makes of the number, where that does not decide the dtype of the result.
    """
    out = options.get("out")
    of = args if function in _ASKING else (*args, out)
    kinds = {a.dtype for a in of if isinstance(a, np.ndarray)}
    if len(kinds) != 1 or len(args) != 2 or not isinstance(out, np.ndarray):
        return args
    (dtype,) = kinds
    if not any(types.startswith(f"{dtype.char * 2}->") for types in function.types):
        return args  # np.ldexp takes an integer
    with np.errstate(over="ignore"):  # 1e39 beside float32, which the call itself may warn of
        return tuple([np.asarray(a, dtype) if _taken(a, dtype, function) else a for a in args])


def _taken(value: Any, dtype: np.dtype[Any], function: np.ufunc) -> bool:
    """Tell whether a value is a number that NumPy, beside an array of this dtype, makes one of."""
    if dtype.kind == "f":
        return value.__class__ in (int, float, dtype.type)
    if function in _ASKING:  # takes 300 beside int8, too
        held = np.iinfo(dtype) if dtype.kind in "iu" and value.__class__ is int else None
        return held is not None and held.min <= value <= held.max
    return dtype.kind == "i" and value.__class__ in (int, dtype.type)


def _spread(made: Made, rooms: dict[Any, Array]) -> list[Made]:
    """Return a call of which one operand is a row as two: the row is spread first.

    NumPy takes half the time for operands of one shape, and little to spread a row. It is spread
    into the result, or where that is the other operand into one of the `rooms`, by shape and dtype.
    """
    function, args, options = made
    out: Any = options.get("out")
    if function not in _EXACT or len(args) != 2 or len(options) > 1 or not _plain(out):
        return [made]
    whole = [_plain(a) and a.shape == out.shape and a.flags.c_contiguous for a in args]
    if sorted(whole) != [False, True] or out.size > _SPREAD or not out.flags.c_contiguous:
        return [made]
    row, other = args[whole.index(False)], args[whole.index(True)]
    if not _plain(row) or row.dtype != out.dtype or not 1 < row.size == out.shape[-1] < out.size:
        return [made]
    room = out
    if np.may_share_memory(out, other) or np.may_share_memory(out, row):
        key = out.shape, out.dtype
        room = rooms[key] = rooms.get(key, np.empty(*key))
    beside = (other, room) if whole[0] else (room, other)
    return [(room.__setitem__, (..., row), {}), (function, beside, options)]


def _in_a_row(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the operands of a ufunc without the dims of size 1 in which they differ.

    NumPy takes half the time for operands of one shape.
    """
    out = options.get("out")
    arrays = [a for a in (*args, out) if isinstance(a, np.ndarray) and a.ndim]
    if not isinstance(out, np.ndarray) or len(options) > 1 or len({a.shape for a in arrays}) < 2:
        return args, options
    if any(a.size != out.size or not a.flags.c_contiguous for a in arrays):
        return args, options
    flat = [a.reshape(-1) if isinstance(a, np.ndarray) and a.ndim else a for a in args]
    return tuple(flat), {"out": out.reshape(-1)}
