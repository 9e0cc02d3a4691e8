"""Watched arrays: NumPy arrays whose use is written down by the recorder at work.

NumPy hands every ufunc and most of its functions on watched arrays to the class itself. What would
slip through is refused: functions that are not known here, results whose shape depends on values,
elements that leave an array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any
from weakref import ref

import numpy as np

from rushlight.arrays import Array
from rushlight.plans.calls import (
    BLANK,
    CONSTANT,
    Recorder,
    Unplanned,
    active,
    current,
    root_of,
)

__all__ = ["Number", "Watched", "or_plain", "plain", "watch"]


def plain(value: Any) -> Any:
    """Return a watched array as a plain one of the same memory, also within tuples and lists."""
    if isinstance(value, Watched):
        return value.view(np.ndarray)
    if value.__class__ in (tuple, list):
        return value.__class__([plain(part) for part in value])
    if value.__class__ is slice:
        return slice(plain(value.start), plain(value.stop), plain(value.step))
    return value


def _arrays(*values: Any) -> list[Array]:
    """Return the arrays among values and the members of tuples and lists."""
    found: list[Array] = []
    for value in values:
        if isinstance(value, np.ndarray):
            found.append(value)
        elif value.__class__ in (tuple, list):
            found += _arrays(*value)
    return found


def watch(array: Any) -> Any:
    """Return a watched array of the same memory."""
    return array.view(Watched)


def _made(
    recorder: Recorder, function: Callable[..., Any], args: Any, options: Any, out: bool = False
) -> Any:
    reads = _arrays(*args, *options.values())
    return watch(recorder.make(function, args, options, reads, out))


def or_plain(
    record: Callable[..., Any], function: Callable[..., Any], args: Any, options: Any
) -> Any:
    """Call a function by way of the recorder at work; plainly, if there is none or it refuses."""
    recorder = active()
    if recorder is not None:
        try:
            return record(recorder, function, args, options)
        except Unplanned as why:
            recorder.refuse(why)
    return function(*args, **options)


def _method(name: str, record: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that calls that of plain arrays by way of the recorder at work."""
    found = getattr(np.ndarray, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        args, options = plain((self, *args)), {key: plain(v) for key, v in options.items()}
        return or_plain(record, found, args, options)

    return method


def _leaving(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
    """Take elements out of an array."""
    for array in _arrays(*args):
        recorder.constant(array, f"{function.__name__}()")
    return function(*args, **options)


def _view_or_new(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
    """Make a view of an array, or a new one."""
    if options.get("out") is not None:
        raise Unplanned(f"ndarray.{function.__name__} with out=")
    if function is np.ndarray.__getitem__ and _counts(recorder, args[1:]):
        raise Unplanned("the size of a result depends on values (a boolean index)")
    result = function(*args, **options)
    if isinstance(result, np.ndarray) and root_of(result) is root_of(args[0]):
        return watch(result)
    if function in (np.ndarray.copy, np.ndarray.astype):
        recorder.know(result, BLANK)
        casting = {"casting": options.get("casting", "unsafe")}
        recorder.run(np.copyto, (result, args[0]), casting, [args[0]], [result])
        return watch(result)
    return _made(recorder, function, args, options)


def _counts(recorder: Recorder, key: Any) -> bool:
    """Tell whether an index counts booleans that are no constants."""
    return any(a.dtype == np.bool_ and recorder.level(a) != CONSTANT for a in _arrays(*key))


def _in_place(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
    """Write to an array."""
    setting = function is np.ndarray.__setitem__
    if setting and np.ndim(args[2]) and _counts(recorder, args[1:2]):
        raise Unplanned("the number of places that are written to depends on values")
    return recorder.run(function, args, options, _arrays(*args, *options.values()), [args[0]])


# NumPy functions on watched arrays, by what they do.
_ASK = {np.shape, np.ndim, np.size, np.may_share_memory, np.shares_memory, np.result_type}
_ASK |= {np.can_cast, np.iscomplexobj, np.isrealobj}
_VIEW = {np.transpose, np.moveaxis, np.swapaxes, np.broadcast_to, np.expand_dims, np.squeeze}
_VIEW |= {np.reshape, np.ravel, np.flip, np.atleast_1d, np.atleast_2d, np.diagonal}
_VIEW |= {np.broadcast_arrays, np.split, np.array_split}
_BLANK = {np.empty_like}
_OUT = {np.dot, np.concatenate, np.stack, np.take, np.cumsum, np.cumprod}
_NEW = {np.where, np.einsum, np.zeros_like, np.ones_like, np.full_like, np.copy, np.pad, np.tile}
_NEW |= {np.roll, np.rot90, np.triu, np.tril, np.diff, np.prod, np.sum, np.mean, np.amax, np.amin}
_NEW |= {np.max, np.min, np.argmax, np.argmin, np.argsort, np.sort, np.take_along_axis, np.clip}
_NEW |= {np.any, np.all, np.round, np.tensordot, np.inner, np.outer, np.vstack, np.hstack}
_NEW |= {np.linalg.norm, np.nan_to_num, np.searchsorted, np.isin, np.append, np.flipud, np.fliplr}
_NEW |= {np.lexsort, np.partition, np.cross, np.trace, np.kron, np.var, np.std, np.sinc}
_WRONG = {np.isnan, np.isinf, np.isfinite}  # with a strided `out`, in some NumPy versions (2.4.6)
_IN_PLACE = {np.copyto, np.put, np.putmask, np.place, np.put_along_axis, np.fill_diagonal}


class Watched(np.ndarray[Any, Any]):
    """An array that tells the recorder at work what it is used for; apart from that a plain one."""

    __slots__ = ()

    def __array_finalize__(self, parent: Any) -> None:
        recorder = current.recorder
        if recorder is not None and recorder.thread == get_ident():
            recorder.watched.append(ref(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        options = {key: plain(value) for key, value in options.items()}
        out = options.get("out")
        if out is not None and len(out) == 1:
            options["out"] = out[0]
        function = partial(_ufunc, ufunc, method)
        made = ufunc if method == "__call__" else getattr(ufunc, method)
        return or_plain(function, made, plain(inputs), options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        args, options = plain(tuple(args)), {key: plain(value) for key, value in options.items()}
        if function is np.dot and len(args) == 3:
            args, options = args[:2], {"out": args[2]}
        return or_plain(_function, function, args, options)

    for _name in ("item", "tolist", "tobytes", "__int__", "__float__", "__index__", "nonzero"):
        locals()[_name] = _method(_name, _leaving)
    for _name in ("__contains__", "dump", "dumps", "tofile", "__complex__", "repeat", "compress"):
        locals()[_name] = _method(_name, _leaving)
    for _name in ("__getitem__", "reshape", "ravel", "astype", "copy", "flatten", "take", "dot"):
        locals()[_name] = _method(_name, _view_or_new)
    for _name in ("sum", "mean", "prod", "max", "min", "any", "all", "argmax", "argmin", "clip"):
        locals()[_name] = _method(_name, _view_or_new)
    for _name in ("cumsum", "cumprod", "argsort", "searchsorted", "round", "var", "std"):
        locals()[_name] = _method(_name, _view_or_new)
    for _name in ("trace", "diagonal", "conj", "argpartition", "byteswap"):
        locals()[_name] = _method(_name, _view_or_new)
    for _name in ("__setitem__", "fill", "sort", "partition", "put"):
        locals()[_name] = _method(_name, _in_place)
    del _name

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(or_plain(_truth, np.ndarray.__bool__, (plain(self),), {}))

    def __reduce__(self) -> Any:
        return or_plain(_leaving, np.ndarray.__reduce__, (plain(self),), {})

    @property
    def flat(self) -> Any:
        return or_plain(_leaving, _flat, (plain(self),), {})


def _scalar_method(name: str) -> Callable[..., Any]:
    """Return an operator that computes as NumPy's scalars do, where both operands are such."""

    def method(self: Any, other: Any, *rest: Any) -> Any:
        if isinstance(other, Watched) and not isinstance(other, Number):
            return getattr(super(Number, self), name)(other, *rest)
        return or_plain(_scalars, partial(_of_scalars, name), plain((self, other)), {})

    return method


def _of_scalars(name: str, number: Any, other: Any) -> Any:
    other = other[()] if isinstance(other, np.ndarray) else other
    return getattr(number[()], name)(other)


def _scalars(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
    if args[1].__class__ not in (int, float, np.ndarray) or isinstance(function(*args), tuple):
        raise Unplanned(f"{function.args[0]} of a number")
    return recorder.make(function, args, options, _arrays(*args), False).view(Number)


def _flat(array: Array) -> Any:
    return array.flat


def _truth(recorder: Recorder, function: Any, args: Any, options: Any) -> bool:
    return recorder.truth(args[0])


def _ufunc(
    ufunc: Any, method: str, recorder: Recorder, function: Any, inputs: Any, options: Any
) -> Any:
    """Call a ufunc, or a method of one."""
    if method == "at":
        return recorder.run(function, inputs, options, _arrays(*inputs), [inputs[0]])
    reads = _arrays(*inputs, *[value for key, value in options.items() if key != "out"])
    out = options.get("out")
    if out is None and (ufunc.nout == 1 or method != "__call__"):
        made = recorder.make(function, inputs, options, reads, ufunc not in _WRONG)
        return watch(made) if made.ndim else made.view(Number)
    if out is None:
        for array in reads:
            recorder.level(array)
        out = tuple([np.asarray(y) for y in function(*inputs, **options)])
        for array in out:
            recorder.know(array, BLANK)
    targets = _arrays(out)
    if isinstance(out, tuple) and len(targets) < len(out):
        raise Unplanned(f"np.{ufunc.__name__} with some of its outputs given")
    if options.get("where", True) is not True:
        reads += targets
    recorder.run(function, inputs, {**options, "out": out}, reads, targets)
    return watch(targets[0]) if len(targets) == 1 else tuple(map(watch, targets))


def _function(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
    """Call a function of NumPy's."""
    reads = _arrays(*args, *options.values())
    out = options.get("out")
    if function in _ASK:
        return function(*args, **options)
    if function in _BLANK:
        made = function(*args, **options)
        recorder.know(made, BLANK)
        return watch(made)
    if function in _IN_PLACE:
        whole = function is np.copyto and "where" not in options
        return recorder.run(function, args, options, reads[1:] if whole else reads, [args[0]])
    if out is not None and (function in _OUT or function is np.einsum):
        recorder.run(function, args, options, [a for a in reads if a is not out], [out])
        return watch(out)
    if out is not None or (function is np.where and len(args) < 3):
        raise Unplanned(f"np.{function.__name__} called in a way that cannot be recorded")
    if function in _VIEW:
        return _viewed(recorder, function, args, options)
    counted = function is np.bincount and "minlength" in options  # numbers below it
    if counted or (function is np.repeat and len(args) > 1 and isinstance(args[1], int)):
        return _made(recorder, function, args, options)
    if function not in _NEW and function not in _OUT:
        raise Unplanned(f"np.{function.__name__}, which cannot be recorded")
    return _made(recorder, function, args, options, function in _OUT)


class Number(Watched):
    """What would be a NumPy scalar: the result of a ufunc without dims.

    NumPy has arithmetic of its own for scalars, some of which rounds in another way.
    """

    __slots__ = ()

    for _name in ("pow", "rpow", "mod", "rmod", "floordiv", "rfloordiv", "divmod", "rdivmod"):
        locals()[f"__{_name}__"] = _scalar_method(f"__{_name}__")
    del _name


def _viewed(
    recorder: Recorder, function: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    roots = {id(root_of(a)) for a in _arrays(*args)}
    result = function(*args, **options)
    several = isinstance(result, (tuple, list))
    parts = list(result) if several else [result]
    if any(id(root_of(part)) not in roots for part in parts):
        if several:
            raise Unplanned(f"np.{function.__name__} that makes several arrays")
        return _made(recorder, function, args, options)
    watched = [watch(part) for part in parts]
    return type(result)(watched) if several else watched[0]
