"""`from_torch`: by class where both libraries have it, by a recorded forward where not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.autograd import no_grad
from rushlight.bridge.inward import Inward, class_of
from rushlight.bridge.library import library
from rushlight.bridge.reading import read
from rushlight.bridge.recorded import Program, Recorded
from rushlight.bridge.tensors import array_of
from rushlight.bridge.tracing import TraceError, arguments_of, skeleton, trace
from rushlight.errors import explain
from rushlight.nn.evaluating import evaluating
from rushlight.tensor import Tensor, from_numpy

__all__ = ["compare", "from_torch"]


def from_torch(
    value: Any, *, example: Any = None, copy: bool | None = None, tolerance: float = 1e-4
) -> Any:
    """Return the module of a torch module, or the tensor of a torch tensor.

    A layer of `torch.nn` becomes the layer of the same name, with the same options, parameters,
    buffers, modes and `requires_grad`; containers keep their children; what is tied stays tied. A
    module of any other class is recorded: its forward is called once in each mode with stand-ins
    for its inputs (`torch.fx`), and the result runs the calls that it made with Rushlight's
    functions and layers. Names in `state_dict()` are those of the original.

    A forward that asks for values or shapes (`if x.shape[0] > 1`, `for i in range(n)` of an input's
    size) cannot be recorded, and one that writes to a tensor of which it reads a view later is not.
    Gradients (`.grad`) are not taken over.

    Args:
        value: a `torch.nn.Module` or `torch.Tensor`, on any device if it is copied.
        example: arguments of the torch module: a tensor, a tuple, or a dict by name. A recorded
            forward then takes the tensors among them, and the other arguments are fixed to their
            values; and the outputs of both modules are compared, in evaluation mode. Default
            None: it takes the arguments that have no default, and nothing is compared.
        copy: whether the result owns its memory. Default None: modules are copied, tensors are
            not. Where memory is shared, what is written on one side is seen on the other, and no
            graph of either side knows of it. bfloat16 becomes float32, so it is always copied.
        tolerance: the largest error allowed with `example`, relative to the largest value of the
            output; default 1e-4.

    Returns:
        The module or tensor (which is in no graph).

    Raises:
        MissingTorch: torch is not installed.
        NotImplementedError: something cannot be converted; all of it is listed, with paths.
        ValueError: the outputs differ by more than `tolerance`.
        TypeError: `value` is neither module nor tensor.

    Example:
        >>> import rushlight as rl
        >>> try:
        ...     import torch
        ...     layer = rl.from_torch(torch.nn.Conv2d(1, 6, 5, padding=2))
        ... except ImportError:  # without torch
        ...     layer = rl.nn.Conv2d(1, 6, 5, padding=2)
        >>> layer
        Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """
    torch = library("rushlight.from_torch")
    if isinstance(value, torch.Tensor):
        if example is not None:
            got = "an example and a tensor"
            raise TypeError(explain("from_torch", got=got, expected="a module with an example"))
        found = from_numpy(array_of(value, "from_torch", bool(copy)))
        if isinstance(value, torch.nn.Parameter):
            return nn.Parameter(found, requires_grad=value.requires_grad)
        return found
    if not isinstance(value, torch.nn.Module):
        raise TypeError(
            explain("from_torch", got=type(value).__name__, expected="a torch module or tensor")
        )
    given = example if example is None or isinstance(example, tuple | dict) else (example,)
    crossing = Inward(torch, copy is None or copy, partial(_record, given))
    made = crossing.module(value)
    if crossing.problems:
        lines = "\n    ".join(crossing.problems)
        raise NotImplementedError(f"from_torch: what cannot be converted:\n    {lines}")
    if example is not None:
        error = compare(value, made, given)
        if not error <= tolerance:
            raise ValueError(
                explain(
                    f"from_torch({type(value).__name__}, example=...)",
                    got=f"outputs that differ by {error:.1e} of the largest value",
                    expected=f"at most tolerance={tolerance:.0e}",
                    fix="compare the parts one by one: rushlight.bridge.compare(theirs, ours, x)",
                )
            )
    return made


def _record(example: Any, crossing: Inward, source: Any, path: str) -> nn.Module | None:
    """Convert a module by recording what its forward calls."""
    torch = crossing.torch
    if type(source).forward is torch.nn.Module.forward:  # it holds others and is not called
        return _holder(crossing, source, path)
    programs: dict[bool, Program | str] = {}
    mode = source.training
    for training in (mode, not mode):
        try:
            programs[training], problems = _program(
                torch, source, training, example if not path else None
            )
        except TraceError as error:
            if training == mode:
                crossing.problem(path, source, str(error))
                return None
            programs[training] = str(error)
            continue
        if problems and training != mode:
            programs[training] = "; ".join(problems)
        elif problems:
            for problem in dict.fromkeys(problems):
                crossing.problem(path, source, problem)
    target = Recorded(type(source).__name__, programs)
    _members(crossing, target, source, path)
    return target


def _holder(crossing: Inward, source: Any, path: str) -> nn.Module:
    target = nn.Module()
    crossing.fill(target, source, path)
    return target


def _members(crossing: Inward, target: nn.Module, source: Any, path: str) -> None:
    before, crossing.inside = crossing.inside, True
    try:
        crossing.fill(target, source, path)
    finally:
        crossing.inside = before


def _program(torch: Any, source: Any, training: bool, example: Any) -> tuple[Program, list[str]]:
    """Return what a module's forward calls in a mode, and what of it we have not got."""
    names, fixed = arguments_of(torch, source, example)
    inputs = tuple(name for name in names if name not in fixed)
    module = skeleton(torch, source)
    follow = partial(trace, torch, leaf=partial(is_leaf, torch), inputs=inputs, fixed=fixed)
    modes = {part.training for part in module.modules() if not is_leaf(torch, part)}
    if training == source.training and len(modes) == 2:
        now = str(follow(skeleton(torch, source)))
        if now != str(follow(skeleton(torch, source).train(training))):
            raise TraceError(
                "its parts are in both modes, and it computes otherwise by them; call train() or "
                "eval() of the whole first"
            )
    graph = follow(module.train(training))
    return read(torch, graph, module, names, fixed)


def is_leaf(torch: Any, module: Any) -> bool:
    """Tell whether a module and all below it are layers that Rushlight has."""
    return all(class_of(torch, part) is not None for part in module.modules())


def compare(theirs: Any, ours: nn.Module, example: Any) -> float:
    """Return how far the outputs of a torch module and of ours are apart, in evaluation mode.

    Args:
        theirs: the torch module; it is afterwards in the modes it was in.
        ours: the module.
        example: the arguments, as torch tensors: one, a tuple, or a dict by name.

    Returns:
        The largest error of an output, relative to its largest value; inf where shapes, dtypes or
        the number of outputs differ, NaN where one is NaN and the other is not.

    Raises:
        MissingTorch: torch is not installed.

    Example:
        >>> import rushlight as rl
        >>> try:
        ...     import torch
        ...     layer = torch.nn.Linear(3, 2)
        ...     error = compare(layer, rl.from_torch(layer), torch.ones(4, 3))
        ... except ImportError:  # without torch
        ...     error = 0.0
        >>> error < 1e-6
        True
    """
    torch = library("rushlight.bridge.compare")
    args: Any = example if isinstance(example, tuple | dict) else (example,)
    with evaluating(theirs), evaluating(ours), no_grad(), torch.no_grad():
        mine = _call(ours, _converted(torch, args))
        original = _call(theirs, args)
    got, expected = _leaves(Tensor, mine), _leaves(torch.Tensor, original)
    if len(got) != len(expected):
        return float("inf")
    return max(map(_error, got, expected), default=0.0)


def _call(module: Any, args: Any) -> Any:
    return module(**args) if isinstance(args, dict) else module(*args)


def _converted(torch: Any, value: Any) -> Any:
    """Turn the torch tensors of a nested value into ours."""
    if isinstance(value, torch.Tensor):
        return from_numpy(array_of(value, "example", copy=True))
    if isinstance(value, Mapping):
        return {key: _converted(torch, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_converted(torch, item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def _leaves(kind: type, output: Any) -> list[Any]:
    """Return the tensors of an output, in order."""
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, list | tuple):
        return [leaf for part in output for leaf in _leaves(kind, part)]
    return [output] if isinstance(output, kind) else []


def _error(mine: Tensor, theirs: Any) -> float:
    """Return the largest error relative to the largest value of a tensor."""
    a, b = mine.numpy(), array_of(theirs, "output", copy=True)
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf")
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return float("nan")
    x, y = a[finite].astype("float64"), b[finite].astype("float64")
    scale = np.abs(y).max(initial=0.0)
    return float(np.abs(x - y).max(initial=0.0) / (scale or 1.0))
