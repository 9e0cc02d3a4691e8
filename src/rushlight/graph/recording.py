"""Recording: a model is called with the example, with other elements, and with other sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.graph.calls import call, input_names, mapped
from rushlight.graph.keeping import refuse_memory, takes
from rushlight.graph.merging import merge
from rushlight.graph.structure import Graph, RecordError, Size, Value
from rushlight.graph.varying import WAYS, mixed_elements, other_elements, resized
from rushlight.nn.module import Module
from rushlight.nn.parameter import is_lazy
from rushlight.random import get_rng_state, manual_seed, set_rng_state
from rushlight.tape import wrap

__all__ = ["Axes", "examples", "record"]

Axes = Mapping[str, Mapping[int, str] | Sequence[int]]

_SIZES = 5  # other sizes of each symbol: a line and rounding need as many beside the example's


def _others(size: int) -> list[int]:
    """Return sizes to try: near ones, which show rounding, and a far one, which it cannot hide."""
    steps = (1, min(max(size, 16) + 1, 64), 2, 5, 11, 4, 8, 16, 32, 64, 128, 3)
    return list(dict.fromkeys(size + step for step in steps))


def record(
    model: Module,
    args: Any,
    kwargs: Mapping[str, Any] | None = None,
    dynamic_axes: Axes | None = None,
    *,
    names: Sequence[str] | None = None,
) -> Graph:
    """Return the graph of what a model computes in evaluation mode.

    The model is called with the example, with other elements (and other random numbers), and with
    other sizes of the dynamic axes. Whatever differs between these calls but is no tensor and no
    size would be wrong for other inputs than the example, and is refused; so is a model that says
    something else when it is called again. The sizes that are tried reach from the example's to
    64 more: a branch of Python at a size far above is not seen.

    Args:
        model: a module; nothing of it is changed.
        args: a tensor, or a tuple of what forward takes: tensors, and tuples and dicts of them.
        kwargs: the same by name.
        dynamic_axes: by input name, the names of the sizes that may change by axis, or the axes
            (the names are then made of both); axes of one name have one size; default: none.
        names: of the inputs, in order; default: those of forward's parameters.

    Raises:
        RecordError: for a model whose calls or constants depend on the elements of its inputs or,
            other than by a size, on dynamic axes; for writes into buffers and through views. The
            message names the op and the path of the module.

    Example:
        >>> import rushlight as rl
        >>> graph = record(rl.nn.Linear(3, 2), rl.zeros(4, 3), dynamic_axes={"input": {0: "batch"}})
        >>> graph.nodes[0].op, [value.name for value in graph.parameters]
        ('linear', ['weight', 'bias'])
        >>> print(*graph.outputs[0].shape)
        batch 2
    """
    example = _tensors((args if isinstance(args, tuple) else (args,), dict(kwargs or {})))
    _refuse_lazy(model)
    known = input_names(model, *example)
    found = list(known if names is None else names)
    if len(found) != len(known) or len(set(found)) != len(found):
        expected = f"{len(known)} different names, for {', '.join(known)}"
        raise ValueError(explain("record", got=f"names {found}", expected=expected))
    recorder = _Recorder(model, example, found, _axes(dynamic_axes, example, found))
    graphs, samples = recorder.recordings()
    graph = merge(graphs, samples)
    if not graph.outputs:
        got = f"a forward that returns {type(graph.result).__name__}"
        raise RecordError(
            explain("record", got=got, expected="tensors, or a tuple or dict of them")
        )
    if any(one.drew for one in graphs):
        got, fix = "a forward that draws random numbers", "give them to the model as an input"
        raise RecordError(explain("record", got=got, expected="none in evaluation mode", fix=fix))
    recorder.refuse_memory()
    graph.ones = recorder.ones()
    by_name = {value.name: value for value in graph.inputs}
    graph.way = recorder.way
    for name, axes in recorder.axes.items():
        for axis, symbol in axes.items():
            graph.sizes.setdefault(symbol, (by_name[name], axis))
    return graph


def examples(
    graph: Graph, args: Any, kwargs: Mapping[str, Any] | None = None
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], dict[str, int]]]:
    """Yield arguments to try a graph on: the example, other elements, and those in other sizes.

    Args:
        graph: as `record` made it of the same arguments.
        args, kwargs: the example.

    Yields:
        args, kwargs and the dynamic sizes.
    """
    example = _tensors((args if isinstance(args, tuple) else (args,), dict(kwargs or {})))
    axes: dict[Value, dict[int, str]] = {}
    seen: dict[str, tuple[int, ...]] = {}
    for value in graph.inputs:
        for axis, size in enumerate(value.shape):
            if isinstance(size, Size):
                axes.setdefault(value, {})[axis] = size.symbols[0]
                seen[size.symbols[0]] = size.seen
    first = {symbol: sizes[0] for symbol, sizes in seen.items()}
    last = {symbol: sizes[-1] for symbol, sizes in seen.items()}
    rounds = [(first, False), (first, True)] + [(last, True)] * bool(seen)
    for sizes, other in rounds + [({**first, symbol: 1}, True) for symbol in graph.ones]:
        places = iter(graph.inputs)

        def change(tensor: Any, key: str) -> Any:
            value = next(places)  # noqa: B023 (called within the round)
            array = other_elements(tensor._array, graph.way) if other else tensor._array.copy()  # noqa: B023
            return resized(wrap(array), {a: sizes[s] for a, s in axes.get(value, {}).items()})  # noqa: B023

        changed, named = mapped(example, change)
        yield changed, named, sizes


def _refuse_lazy(model: Module) -> None:
    """Refuse a model whose parameters each recording would make anew."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            got, fix = f"{name!r}, which is not initialized", "call the model once before"
            raise RecordError(explain("record", got=got, expected="a model with shapes", fix=fix))


def _tensors(given: Any) -> Any:
    """Return nested arguments with tensors for arrays."""
    if isinstance(given, np.ndarray):
        return wrap(given)
    if isinstance(given, dict):
        return {key: _tensors(item) for key, item in given.items()}
    if type(given) in (tuple, list):
        return type(given)(_tensors(item) for item in given)
    return given


def _axes(dynamic: Axes | None, example: Any, names: list[str]) -> dict[str, dict[int, str]]:
    """Return the dynamic axes, counted from the front, with a name for each."""
    shapes: list[tuple[int, ...]] = []
    mapped(example, lambda tensor, key: shapes.append(tensor.shape))
    known = dict(zip(names, shapes, strict=True))
    found: dict[str, dict[int, str]] = {}
    for name, axes in (dynamic or {}).items():
        if name not in known:
            expected = f"inputs: {', '.join(names)}"
            raise ValueError(explain("dynamic_axes", got=repr(name), expected=expected))
        ndim = len(known[name])
        if not isinstance(axes, Mapping):
            axes = {a: f"{name}_{a % max(ndim, 1)}" for a in axes}
        for axis, symbol in axes.items():
            if not -ndim <= axis < ndim or not known[name][axis]:
                got, expected = f"axis {axis} of {name}", f"an axis of {known[name]} that has cells"
                raise ValueError(explain("dynamic_axes", got=got, expected=expected))
            found.setdefault(name, {})[axis % ndim] = symbol
    return found


class _Recorder:
    def __init__(
        self, model: Module, example: Any, names: list[str], axes: dict[str, dict[int, str]]
    ) -> None:
        self.model, self.example, self.names, self.axes = model, example, names, axes
        self.base: dict[str, int] = {}
        self.way = 0  # of exchanging integers that the model takes
        places = iter(names)

        def note(tensor: Any, key: str) -> None:
            name = next(places)
            for axis, symbol in axes.get(name, {}).items():
                size = self.base.setdefault(symbol, tensor.shape[axis])
                if size != tensor.shape[axis]:
                    got = f"{size} and {tensor.shape[axis]} in the example"
                    raise ValueError(
                        explain(f"dynamic axis {symbol!r}", got=got, expected="one size")
                    )

        mapped(example, note)

    def recordings(self) -> tuple[list[Graph], list[dict[str, int]]]:
        """Return the graphs of all calls, and the dynamic sizes of each."""
        graphs = [self.call(_copied), self.other()]
        samples = [self.base, self.base]
        with suppress(_Untaken):
            graphs.append(self.taken(self.mixed))
            samples.append(self.base)
        for symbol, size in self.base.items():
            tried = _others(size)
            found = 0
            for other in tried:
                error = self.add(graphs, samples, {**self.base, symbol: other})
                found += error is None
                if found == _SIZES:
                    break
            if not found:
                said = str(error).partition("\n")[0]
                got = f"no other size that the model takes (tried {tried}; it says: {said})"
                expected = "a size that may change"
                text = explain(f"dynamic axis {symbol!r}", got=got, expected=expected)
                raise RecordError(text) from error
        if len(self.base) > 1:
            others = {s: [x[s] for x in samples if x[s] != self.base[s]] for s in self.base}
            for k in (0, 1):
                self.add(graphs, samples, {s: sizes[k % len(sizes)] for s, sizes in others.items()})
        return graphs, samples

    def add(
        self, graphs: list[Graph], samples: list[dict[str, int]], sizes: dict[str, int]
    ) -> Exception | None:
        """Record with other sizes; return the model's error if it does not take them."""

        try:
            graphs.append(self.taken(self.sized(sizes)))
        except _Untaken as error:
            return error.__cause__  # type: ignore[return-value]
        samples.append(sizes)
        return None

    def ones(self) -> tuple[str, ...]:
        """Return the dynamic sizes that may be 1: too small to say what a size is made of."""
        return tuple(
            symbol
            for symbol, size in self.base.items()
            if size != 1 and takes(self.model, self.arguments(self.sized({**self.base, symbol: 1})))
        )

    def refuse_memory(self) -> None:
        """Refuse a model that keeps something from call to call."""
        refuse_memory(
            self.model, lambda: self.arguments(_copied), lambda: self.arguments(self.exchanged)
        )

    def other(self) -> Graph:
        """Record with other elements and other random numbers."""
        state = get_rng_state()
        manual_seed(1)
        failed: BaseException | None = None
        try:
            for way in range(WAYS):
                self.way = way
                try:
                    return self.taken(self.exchanged)
                except _Untaken as error:
                    failed = failed or error.__cause__
            got = "an example whose elements cannot be exchanged for others (above: the error)"
            expected = "one that the model takes with its elements in another order, too"
            raise RecordError(explain("record", got=got, expected=expected)) from failed
        finally:
            set_rng_state(state)

    # ---- what stands in for the tensors of the example

    def exchanged(self, tensor: Any, name: str) -> Any:
        return wrap(other_elements(tensor._array, self.way))

    def mixed(self, tensor: Any, name: str) -> Any:
        return wrap(mixed_elements(tensor._array, self.way))

    def sized(self, sizes: Mapping[str, int]) -> Any:
        def change(tensor: Any, name: str) -> Any:
            axes = self.axes.get(name, {})
            return resized(tensor, {axis: sizes[symbol] for axis, symbol in axes.items()})

        return change

    # ---- calls

    def arguments(self, change: Any) -> Any:
        """Return the example with `change(tensor, name)` in place of each tensor."""
        places = iter(self.names)
        return mapped(self.example, lambda tensor, key: change(tensor, next(places)))

    def call(self, change: Any) -> Graph:
        args, kwargs = self.arguments(change)
        return call(self.model, args, kwargs, self.names)

    def taken(self, change: Any) -> Graph:
        """Record, or raise _Untaken from the model's error if it does not take the inputs."""
        try:
            return self.call(change)
        except RecordError:
            raise
        except Exception as error:
            raise _Untaken from error


class _Untaken(Exception):
    """The model has raised its own error."""


def _copied(tensor: Any, name: str) -> Any:
    return wrap(tensor._array.copy())
