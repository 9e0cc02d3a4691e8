"""What a recording sees: the library's own modules get a NumPy whose new arrays are watched, and
compiled kernels and random generators that are written down.

All of it is put in place for one recording and taken away after it. Other threads that run in the
meantime get what they would have got.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rushlight.compiled import native
from rushlight.nn.registry import LIBRARY
from rushlight.plans.calls import (
    BLANK,
    CONSTANT,
    DATA,
    Recorder,
    Unplanned,
    active,
    address,
    current,
    root_of,
)
from rushlight.plans.draws import Draw
from rushlight.plans.watched import Number, Watched, or_plain, plain, watch
from rushlight.random import Generator
from rushlight.tape import nodes
from rushlight.tensor import Tensor

__all__ = ["sight"]

_CACHING = type(cache(len))  # what functools makes of a function whose results it keeps
# what most names are, and holds no arrays
_SIMPLE = {types.FunctionType, types.BuiltinFunctionType, type, str, int, float, bool, type(None)}
_CONSTANT = (f"{LIBRARY}.ops", f"{LIBRARY}.kernels")  # whose arrays at module level are so
_BLANK = ["empty"]
_NEW = ["zeros", "ones", "full", "arange", "array", "asarray", "ascontiguousarray", "asanyarray"]
_NEW += ["eye", "identity", "tri", "linspace", "logspace", "indices", "fromiter", "frombuffer"]
_NEW += ["ix_", "tril_indices", "triu_indices", "meshgrid", "require", "asfortranarray"]
_NEW += ["unravel_index"]
_DRAWS = ["words", "uniform", "random", "normal", "integers", "permutation", "bernoulli"]
_DRAWS += ["exponential", "cauchy", "geometric", "poisson", "binomial"]
_MOVES = ["manual_seed", "initial_seed", "spawn", "get_state", "mark", "back_to", "set_state"]
_MOVES += ["words_of", "__init__"]
_LEAVE = ["numpy", "__array__", "__dlpack__", "register_hook", "__deepcopy__", "__reduce_ex__"]


def _known(recorder: Recorder, made: Any, level: int) -> Any:
    """Return the arrays that a function made as watched ones."""
    if made.__class__ in (tuple, list):
        return made.__class__([_known(recorder, part, level) for part in made])
    if not isinstance(made, np.ndarray):
        for part in _parts(made):
            recorder.know(part, level)
        return made
    if id(root_of(made)) not in recorder.roots:
        recorder.know(made, level)
    return watch(plain(made))


def _parts(value: Any) -> list[Any]:
    """Return the arrays that an object holds."""
    found, stack = [], [value]
    while stack:
        value = stack.pop()
        if type(value) in _SIMPLE:
            continue
        if isinstance(value, np.ndarray):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            stack += value
        elif isinstance(value, dict):
            stack += value.values()
        elif not isinstance(value, (type, types.FunctionType)):
            stack += (getattr(value, "__dict__", None) or {}).values()
    return found


def _making(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def make(*args: Any, **options: Any) -> Any:
        return or_plain(_new, function, args, options)

    return make


def _new(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
    given = [a for a in (*args, *options.values()) if isinstance(a, np.ndarray)]
    if any(_holds(a) for a in args):
        raise Unplanned(f"np.{function.__name__} of a list of arrays")
    args, options = plain(args), {key: plain(value) for key, value in options.items()}
    for array in given:
        recorder.level(array)
    made = function(*args, **options)
    if not given:
        return _known(recorder, made, CONSTANT)
    if not isinstance(made, np.ndarray):
        raise Unplanned(f"np.{function.__name__} of an array")
    if id(root_of(made)) in recorder.roots:
        return watch(made)
    return watch(recorder.make(function, args, options, list(map(plain, given)), False))


def _holds(value: Any) -> bool:
    return value.__class__ in (tuple, list) and any(
        isinstance(v, Watched) or _holds(v) for v in value
    )


def _blank(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def make(*args: Any, **options: Any) -> Any:
        recorder = active()
        made = function(*args, **options)
        return made if recorder is None else _known(recorder, made, BLANK)

    return make


class _NumPy:
    """NumPy, whose functions that make arrays make watched ones."""

    def __init__(self) -> None:
        self.__dict__.update({name: _blank(name) for name in _BLANK})
        self.__dict__.update({name: _making(name) for name in _NEW})
        self.ogrid, self.mgrid = _Grid(np.ogrid), _Grid(np.mgrid)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _strided(x: Any, shape: Any = None, strides: Any = None, **options: Any) -> Any:
    """Do what as_strided does, with a result that is known to share the memory of x."""
    root = root_of(x)
    if active() is None or not root.flags.c_contiguous or None in (shape, strides):
        return as_strided(x, shape, strides, **options)
    made: Any = np.ndarray(shape, x.dtype, plain(root), address(x) - address(root), strides)
    return watch(made)


class _Grid:
    """np.ogrid or np.mgrid."""

    def __init__(self, grid: Any) -> None:
        self.grid = grid

    def __getitem__(self, key: Any) -> Any:
        recorder, made = active(), self.grid[key]
        return made if recorder is None else _known(recorder, made, CONSTANT)


# ---- compiled kernels


@cache
def _written(text: str) -> tuple[bool, ...]:
    """Return, of the signature of a compiled function, which arguments it writes."""
    line = text.partition("\n")[0]
    arguments = re.findall(r"arg\d*: (.*?)(?=, arg\d*:|, /\)|\) ->)", line)
    return tuple(
        "ndarray" in argument and "writable=False" not in argument for argument in arguments
    )


class _Kernel:
    """A compiled function, or an object that has some, whose calls are written down."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._found, name)
        return _Kernel(found) if callable(found) and not isinstance(found, type) else found

    def __call__(self, *args: Any) -> Any:
        recorder, given = active(), plain(args)
        if recorder is not None and any(isinstance(a, np.ndarray) for a in given):
            try:
                return self._recorded(recorder, given)
            except Unplanned as why:
                recorder.refuse(why)
        return self._found(*given)

    def _recorded(self, recorder: Recorder, given: Any) -> Any:
        written = _written(self._found.__doc__)
        if len(written) != len(given):
            raise Unplanned(f"the compiled function {self._found.__name__}")
        pairs = list(zip(given, written, strict=True))
        writes = [a for a, out in pairs if out and a is not None]
        # what it writes it may read before, unless nothing lies there yet
        reads = [a for a, _ in pairs if isinstance(a, np.ndarray)]
        return recorder.run(self._found, given, {}, reads, writes)


def _through(cached: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cached function, which takes no arrays, as one whose results are watched."""

    def call(*args: Any, **options: Any) -> Any:
        recorder = active()
        if recorder is None:
            return cached(*args, **options)
        recorder.paused = True  # what it keeps shall be plain
        try:
            made = cached(*args, **options)
        finally:
            recorder.paused = False
        return _wrapped(recorder, made)

    return call


def _wrapped(recorder: Recorder, made: Any) -> Any:
    if made.__class__ in (tuple, list):
        return made.__class__([_wrapped(recorder, part) for part in made])
    if native is not None and type(made).__module__ == native.__name__:
        return _Kernel(made)
    return _known(recorder, made, CONSTANT)


# ---- functions that are one call of a program


# Functions of arrays that look at values, or hand arrays to SciPy: module, name, and whether they
# write to the arrays of their first argument. All that they do lies in the arrays.
_WHOLE = [
    (f"{LIBRARY}.ops.class_losses", "share_of", False),
    (f"{LIBRARY}.ops.embedding", "product", False),
    (f"{LIBRARY}.nn.utils.clip_grad", "total_of", False),
    (f"{LIBRARY}.nn.utils.clip_grad", "shrink", True),
]


def _whole(function: Callable[..., Any], writes: bool) -> Callable[..., Any]:
    """Return a function that is written down as one call, whatever it does within."""

    def unseen(*args: Any) -> Any:
        recorder = active()
        if recorder is None:
            return function(*args)
        recorder.paused = True
        try:
            return function(*args)
        finally:
            recorder.paused = False

    def record(recorder: Recorder, function: Any, args: Any, options: Any) -> Any:
        reads = _parts(list(args))
        if writes:
            return recorder.run(unseen, args, {}, reads, _parts(args[0]))
        return watch(recorder.make(unseen, args, {}, reads, False))

    return lambda *args: or_plain(record, function, plain(args), {})


# ---- random numbers


def _drawing(name: str) -> Callable[..., Any]:
    method = getattr(Generator, name)

    def draw(self: Generator, *args: Any, **options: Any) -> Any:
        recorder = active()
        if recorder is None:
            return method(self, *args, **options)
        args, options = plain(args), {key: plain(value) for key, value in options.items()}
        recorder.paused = True
        try:
            drawn = method(self, *args, **options)
        finally:
            recorder.paused = False
        first = drawn[0] if isinstance(drawn, tuple) else drawn
        buffer = np.array(first)
        recorder.know(buffer, DATA)

        reads = [a for a in args if isinstance(a, np.ndarray)]
        recorder.wrote(Draw(self, method, options), (buffer, *args), reads, [buffer])
        return (watch(buffer), *drawn[1:]) if isinstance(drawn, tuple) else watch(buffer)

    return draw


def _refusing(owner: type, name: str) -> Callable[..., Any]:
    """Return a method that cannot be recorded."""
    method = getattr(owner, name)

    def refuse(*args: Any, **options: Any) -> Any:
        recorder = active()
        if recorder is not None:
            recorder.refuse(f"it calls {owner.__name__}.{name}")
        return method(*args, **options)

    return refuse


# ---- all together


def _unscalar(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let what stands for a scalar become an array in a tensor, as scalars do."""

    def unscalar(value: Any) -> Any:
        return watch(plain(value)) if isinstance(value, Number) else function(value)

    return unscalar


@contextmanager
def sight(recorder: Recorder) -> Iterator[None]:
    """Let a recorder see everything that the library does with arrays."""
    put: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, value: Any) -> None:
        put.append((owner, name, owner.__dict__.get(name)))
        setattr(owner, name, value)

    numpy, kernels = _NumPy(), _Kernel(native)
    current.recorder = recorder
    try:
        for module in list(sys.modules.values()):
            if not _belongs(module):
                continue
            constants = module.__name__.startswith(_CONSTANT)
            for name, value in list(vars(module).items()):
                kind = type(value)
                if kind in _SIMPLE and value is not as_strided:
                    continue
                if name.startswith("__"):  # Python's own, builtins among them
                    continue
                if constants and isinstance(value, (np.ndarray, dict, tuple, list)):
                    for array in _parts(value):
                        recorder.know(array, CONSTANT)
                elif value is np:
                    replace(module, name, numpy)
                elif value is native and native is not None:
                    replace(module, name, kernels)
                elif value is as_strided:
                    replace(module, name, _strided)
                elif kind is _CACHING:
                    replace(module, name, _through(value))
        replace(nodes, "_unscalar", _unscalar(nodes._unscalar))
        for where, name, writes in _WHOLE:
            module = sys.modules[where]
            replace(module, name, _whole(getattr(module, name), writes))
        for name in _DRAWS:
            replace(Generator, name, _drawing(name))
        for owner, names in ((Generator, _MOVES), (Tensor, _LEAVE)):
            for name in names:
                replace(owner, name, _refusing(owner, name))
        yield
    finally:
        current.recorder = None
        for owner, name, value in reversed(put):
            if value is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, value)


def _belongs(module: Any) -> bool:
    """Tell whether a module computes for a model: it is the library's, and not this package's."""
    name = getattr(module, "__name__", "")
    parts = name.split(".")
    return (
        parts[0] == LIBRARY
        and len(parts) > 1
        and parts[1] not in ("plans", "compiled", "data", "train")
    )
