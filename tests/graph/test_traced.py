"""Nothing that a function computes is hidden from a trace: what is not seen would be recorded as a
constant, and hold for one input only."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import functional
from rushlight.tape import TensorBase, state

SHAPES = "its cells follow from shapes alone"
NOISE = "random, so that another recording has other ones"
NUMBERS = "a number that was given is made a tensor"

# functions with arrays that no call has made, by the call that takes them
ALLOWED = {
    **dict.fromkeys(["combinations", "diag", "diag_embed", "diagflat", "diagonal_scatter",
                     "index_put", "pdist", "slice_scatter", "select_scatter"], SHAPES),
    **dict.fromkeys(["dropout", "dropout1d", "dropout2d", "dropout3d",
                     "fractional_max_pool2d", "fractional_max_pool2d_with_indices",
                     "gumbel_softmax", "rrelu", "rrelu_"], NOISE),
    **dict.fromkeys(["as_tensor", "copysign", "float_power", "getitem", "igamma", "igammac",
                     "nansum", "take", "tensor"], NUMBERS),
    "pinverse": "of a decomposition, which is refused wherever a graph is written",
}  # fmt: skip

# functions that give out what no call has made
MADE = {
    **dict.fromkeys(["tril_indices", "triu_indices"], SHAPES),
    "scalar_tensor": NUMBERS,
    "from_dlpack": "memory of another library, which no call has made",
}

# functions that answer with no tensor, without a look at elements
ASKING = {
    "expect_tensors", "is_complex", "is_floating_point", "is_signed", "is_tensor", "numel",
    "numpy_names",
}  # fmt: skip


@cache
def functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(functional.__path__):
        module = importlib.import_module(f"rushlight.functional.{info.name}")
        for name in getattr(module, "__all__", ()):
            if callable(getattr(module, name)) and not isinstance(getattr(module, name), type):
                found[name] = getattr(module, name)
    return found


def _arguments() -> list[tuple[Any, ...]]:
    rl.manual_seed(0)
    x, y, v = rl.rand(4, 4) + 0.1, rl.rand(4, 4) + 0.1, rl.rand(4)
    i, few, mask, images = rl.tensor([[0, 1, 2, 3]] * 4), rl.tensor([0, 1, 2]), x > 0.5, None
    images, kernels = rl.rand(2, 3, 6, 6), rl.rand(4, 3, 2, 2)
    return [
        (x,), (i,), (mask,), (v,), (few,), (images,), ([x, y],), (4,),
        (x, y), (i, i), (mask, mask), (x, mask), (x, v), (v, v), (v, x), (few, x), (i, x), (x, i),
        (x, 1), (x, 2.0), (x, 0.5), (x, (2, 2)), (x, (0,)), (x, [1, 1]), (few, 4), (4, 4),
        (images, 2), (images, (2, 2)), (images, kernels), ((2, 3), 1.0),
        (x, 0, i), (x, 0, few), (x, 0, 1), (x, mask, y), (x, mask, 0.0), (mask, x, y), (x, y, v),
        (x, y, y), (images, 2, 2), (x, (few,), y[:3]),
        (x, 0, i, y), (x, 0, few, y[:3]), (x, 0, few, 0.0), (x, 0, 0, 1), (x, 0, 1, 2),
        (x, 0, i, y, "amax"), (x, v, 0, 1),
    ]  # fmt: skip


ARGUMENTS = _arguments()


def _traced(function: Any, args: Any) -> Any:
    """Return the result and the trace, or None if the function does not take the arguments."""
    outer, state.trace, state.general = state.trace, [], True
    try:
        with rl.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args), state.trace
    except Exception:
        return None
    finally:
        state.trace, state.general = outer, False


def _arrays(values: Any) -> Iterator[Any]:
    for value in values if isinstance(values, (tuple, list)) else (values,):
        if isinstance(value, (tuple, list)):
            yield from _arrays(value)
        elif isinstance(value, TensorBase):
            yield value._array
        elif isinstance(value, np.ndarray):
            yield value


@cache
def _looked_at(name: str) -> tuple[bool, str, str]:
    """Return whether a function took any arguments, and where arrays came from nowhere: among the
    arguments of calls, and among the results."""
    taken, inside, given = False, "", ""
    for args in ARGUMENTS:
        found = _traced(functions()[name], args)
        if found is None:
            continue
        taken, (result, trace) = True, found
        known = {id(a) for a in _arrays(args)}
        for op, operands, options, outputs, _ in trace:
            for array in chain(_arrays(operands), _arrays(list(options.values()))):
                if id(array) not in known and op.name != "constant":
                    inside = op.name
            known |= {id(a) for a in _arrays(outputs)}
        if any(id(a) not in known for a in _arrays(result)):
            given = f"results for {len(args)} arguments"
        has_tensors = any(True for _ in _arrays(args))
        if not any(True for _ in _arrays(result)) and not trace and has_tensors:
            given = f"{type(result).__name__} without a trace"
    return taken, inside, given


@pytest.mark.parametrize("name", sorted(functions()))
def test_all_is_seen(name: str) -> None:
    _, inside, given = _looked_at(name)
    if inside:
        assert name in ALLOWED, f"{name}: {inside} takes an array that no call has made"
    if given:
        assert name in MADE or name in ASKING, f"{name}: {given}"


def test_most_functions_were_called() -> None:
    called = [name for name in functions() if _looked_at(name)[0]]
    assert len(called) > 0.85 * len(functions())
    assert set(ALLOWED) | set(MADE) | ASKING <= set(functions())
