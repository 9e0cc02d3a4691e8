"""Recording: a model is called with the example, with other elements, and with other sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.graph.calls import call, input_names, mapped
from rushlight.graph.merging import merge
from rushlight.graph.structure import Graph, RecordError, Size
from rushlight.graph.varying import WAYS, other_elements, resized
from rushlight.nn.module import Module
from rushlight.random import get_rng_state, manual_seed, set_rng_state
from rushlight.tape import wrap

__all__ = ["Axes", "examples", "record"]

Axes = Mapping[str, Mapping[int, str] | Sequence[int]]

_SIZES = 4  # other sizes of each symbol: a line and rounding need as many beside the example's


def _others(size: int) -> list[int]:
    """Return sizes to try: near ones, which show rounding, and far ones, which it cannot hide."""
    steps = (1, min(size, 64), 2, 37, 32, 64, 128, 3, 4, 8, 16)
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

    The model is called with the example, once more with other elements (and other random numbers),
    and with other sizes of the dynamic axes. Whatever differs between these calls but is no tensor
    and no size would be wrong for other inputs than the example, and is refused.

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
    known = input_names(model, *example)
    found = list(known if names is None else names)
    if len(found) != len(known) or len(set(found)) != len(found):
        expected = f"{len(known)} different names, for {', '.join(known)}"
        raise ValueError(explain("record", got=f"names {found}", expected=expected))
    recorder = _Recorder(model, example, found, _axes(dynamic_axes, example, found))
    graph = merge(*recorder.recordings())
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
    seen = {symbol: value.shape[axis] for symbol, (value, axis) in graph.sizes.items()}
    rounds = [(0, False), (0, True)] + [(-1, True)] * bool(seen)
    for which, other in rounds:
        places = iter(graph.inputs)

        def change(tensor: Any, key: str) -> Any:
            value = next(places)  # noqa: B023 (called within the round)
            array = other_elements(tensor._array, graph.way) if other else tensor._array.copy()  # noqa: B023
            sized = {i: s.seen[which] for i, s in enumerate(value.shape) if isinstance(s, Size)}  # noqa: B023
            return resized(wrap(array), sized)

        changed, named = mapped(example, change)
        yield changed, named, {s: n.seen[which] for s, n in seen.items() if isinstance(n, Size)}


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
        graphs = [self.call(lambda tensor, name: wrap(tensor._array.copy())), self.other()]
        samples = [self.base, self.base]
        for symbol, size in self.base.items():
            tried = _others(size)
            found = 0
            for other in tried:
                error = self.add(graphs, samples, {**self.base, symbol: other})
                found += error is None
                if found == _SIZES:
                    break
            if not found:
                got = f"no other size that the model takes (tried {tried})"
                expected = "a size that may change"
                text = explain(f"dynamic axis {symbol!r}", got=got, expected=expected)
                raise RecordError(text) from error
        if len(self.base) > 1:
            for k in (1, 2):
                last = {s: [x[s] for x in samples if x[s] != self.base[s]] for s in self.base}
                self.add(graphs, samples, {s: sizes[-k:][0] for s, sizes in last.items()})
        return graphs, samples

    def add(
        self, graphs: list[Graph], samples: list[dict[str, int]], sizes: dict[str, int]
    ) -> Exception | None:
        """Record with other sizes; return the model's error if it does not take them."""

        def change(tensor: Any, name: str) -> Any:
            axes = self.axes.get(name, {})
            return resized(tensor, {axis: sizes[symbol] for axis, symbol in axes.items()})

        try:
            graphs.append(self.call(change))
        except RecordError:
            raise
        except Exception as error:
            return error
        samples.append(sizes)
        return None

    def other(self) -> Graph:
        """Record with other elements and other random numbers."""
        state = get_rng_state()
        manual_seed(1)
        failed: Exception | None = None
        try:
            for way in range(WAYS):
                self.way = way
                try:
                    return self.call(lambda tensor, name: wrap(self.exchanged(tensor)))
                except RecordError:
                    raise
                except Exception as error:
                    failed = failed or error
            got = "an example whose elements cannot be exchanged for others (above: the error)"
            expected = "one that the model takes with its elements in another order, too"
            raise RecordError(explain("record", got=got, expected=expected)) from failed
        finally:
            set_rng_state(state)

    def exchanged(self, tensor: Any) -> Any:
        return other_elements(tensor._array, self.way)

    def call(self, change: Any) -> Graph:
        places = iter(self.names)
        args, kwargs = mapped(self.example, lambda tensor, key: change(tensor, next(places)))
        return call(self.model, args, kwargs, self.names)
