"""Watched arrays: NumPy arrays whose use is written down by the recorder at work.

NumPy hands every ufunc and most of its functions on watched arrays to the class itself. What would
slip through is refused: functions that are not known here, results whose shape depends on values,
elements that leave an array.
"""

from __future__ import annotations

from collections.abc import Callable
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

__all__ = ["Watched", "plain", "watch"]


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


def _refused(name: str) -> Callable[..., Any]:
    """Return a method by which elements leave the array."""

    def method(self: Any, *args: Any, **options: Any) -> Any:
        recorder = active()
        if recorder is not None:
            for array in (self, *_arrays(*args)):
                recorder.constant(plain(array), name)
        return getattr(plain(self), name)(*plain(args), **options)

    return method


def _view_or_new(name: str) -> Callable[..., Any]:
    """Return a method whose result is either a view or a new array."""
    found = getattr(np.ndarray, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        x, args, options = plain(self), plain(args), {k: plain(v) for k, v in options.items()}
        recorder = active()
        if recorder is None:
            return found(x, *args, **options)
        if options.get("out") is not None:
            raise Unplanned(f"ndarray.{name} with out=")
        if name == "__getitem__" and _counts(recorder, args):
            raise Unplanned("a result whose size depends on values (a boolean index)")
        result = found(x, *args, **options)
        if isinstance(result, np.ndarray) and root_of(result) is root_of(x):
            return watch(result)
        return _made(recorder, found, (x, *args), options)

    return method


def _counts(recorder: Recorder, key: Any) -> bool:
    """Tell whether an index counts booleans that are no constants."""
    return any(a.dtype == np.bool_ and recorder.level(a) != CONSTANT for a in _arrays(*key))


def _in_place(name: str) -> Callable[..., Any]:
    found = getattr(np.ndarray, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        x, args = plain(self), plain(args)
        recorder = active()
        if recorder is None:
            return found(x, *args, **options)
        if name == "__setitem__" and np.ndim(args[1]) and _counts(recorder, args[:1]):
            raise Unplanned("values for a number of places that depends on values")
        reads = _arrays(*args, *options.values())
        return recorder.run(found, (x, *args), options, [x, *reads], [x])

    return method


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
_IN_PLACE = {np.copyto, np.put, np.putmask, np.place, np.put_along_axis, np.fill_diagonal}


class Watched(np.ndarray[Any, Any]):
    """An array that tells the recorder at work what it is used for; apart from that a plain one."""

    __slots__ = ()

    def __array_finalize__(self, parent: Any) -> None:
        if current.recorder is not None:
            current.recorder.watched.append(ref(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        inputs, out = plain(inputs), plain(options.pop("out", None))
        options = {key: plain(value) for key, value in options.items()}
        function, recorder = getattr(ufunc, method), active()
        if recorder is None:
            return function(*inputs, **options, **({} if out is None else {"out": out}))
        if method == "at":
            return recorder.run(function, inputs, options, _arrays(*inputs), [inputs[0]])
        reads = _arrays(*inputs, *options.values())
        if out is not None:
            targets = [a for a in out if a is not None]
            if len(targets) < len(out):
                raise Unplanned(f"np.{ufunc.__name__} with some of its outputs given")
            given = out if len(out) > 1 else out[0]
            if options.get("where", True) is not True:
                reads += targets
            recorder.run(function, inputs, {**options, "out": given}, reads, targets)
            return watch(targets[0]) if len(targets) == 1 else tuple(map(watch, targets))
        if ufunc.nout == 1 or method != "__call__":
            return watch(recorder.make(function, inputs, options, reads, True))
        made = tuple([np.asarray(y) for y in function(*inputs, **options)])
        for y in made:
            recorder.know(y, BLANK)
        recorder.run(function, inputs, {**options, "out": made}, reads, made)
        return tuple(map(watch, made))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        args, options = plain(args), {key: plain(value) for key, value in options.items()}
        recorder = active()
        if recorder is None or function in _ASK:
            return function(*args, **options)
        out = options.pop("out", None)
        if function is np.dot and len(args) == 3:
            *args, out = args
        args = tuple(args)
        if function in _BLANK:
            made = function(*args, **options)
            recorder.know(made, BLANK)
            return watch(made)
        if function in _IN_PLACE:
            reads = [] if function is np.copyto and "where" not in options else [args[0]]
            reads += _arrays(*args[1:], *options.values())
            return recorder.run(function, args, options, reads, [args[0]])
        if out is not None and function in _OUT:
            reads = _arrays(*args, *options.values())
            recorder.run(function, args, {**options, "out": out}, reads, [out])
            return watch(out)
        if function in _VIEW:
            return _viewed(recorder, function, args, options)
        known = function in _NEW or function in _OUT
        if not known or out is not None or (function is np.where and len(args) < 3):
            raise Unplanned(f"np.{function.__name__}, which is not among what can be recorded")
        return _made(recorder, function, args, options, function in _OUT)

    for _name in ("item", "tolist", "tobytes", "__int__", "__float__", "__index__", "nonzero"):
        locals()[_name] = _refused(_name)
    for _name in ("__contains__", "dump", "dumps", "tofile", "__complex__", "repeat", "compress"):
        locals()[_name] = _refused(_name)
    for _name in ("__getitem__", "reshape", "ravel", "astype", "copy", "flatten", "take", "dot"):
        locals()[_name] = _view_or_new(_name)
    for _name in ("sum", "mean", "prod", "max", "min", "any", "all", "argmax", "argmin", "clip"):
        locals()[_name] = _view_or_new(_name)
    for _name in ("cumsum", "cumprod", "argsort", "searchsorted", "round", "var", "std"):
        locals()[_name] = _view_or_new(_name)
    for _name in ("trace", "diagonal", "conj", "argpartition", "byteswap"):
        locals()[_name] = _view_or_new(_name)
    for _name in ("__setitem__", "fill", "sort", "partition", "put"):
        locals()[_name] = _in_place(_name)
    del _name

    @property
    def flat(self) -> Any:
        if active() is not None:
            raise Unplanned("ndarray.flat")
        return plain(self).flat

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        recorder = active()
        return bool(plain(self)) if recorder is None else recorder.truth(plain(self))

    def __reduce__(self) -> Any:
        if active() is not None:
            raise Unplanned("an array that is pickled or deep-copied")
        return plain(self).__reduce__()


def _viewed(recorder: Recorder, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
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
