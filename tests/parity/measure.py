"""One case of torch's database through torch and through Rushlight, and how far apart they are."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from tests.nn.modules import ModuleSample, collect
from tests.parity.twin import Twins, array, ours
from torch.testing._internal.common_modules import ModuleInfo, module_db

import rushlight as rl

__all__ = ["COLUMNS", "LIMITS", "Row", "database", "measure", "measure_others"]

COLUMNS = ("output", "input gradient", "parameter gradient", "second order")
LIMITS = (1e-10, 1e-9, 1e-9, 1e-7)  # in float64, relative to the largest value of each tensor
FLOOR = 1e-6  # ... which counts as this at least: sums that should be 0 are 1e-17
WIDER = {"Hardsigmoid": (1e-10, 1e-7, 1e-9, 1e-7)}  # torch has 1/6 in float32 there


Errors: TypeAlias = list[float | None]


class Row(NamedTuple):
    """A module: how many samples, the largest errors, how many error inputs it refused.

    errors: by column; None where there is nothing to compare. refused: None without error inputs.
    failures: what went wrong, a line each; a module without any is whole.
    """

    name: str
    samples: int
    errors: Errors
    refused: int | None
    failures: list[str]


def database() -> list[ModuleInfo]:
    """Return torch's modules in the order of their names."""
    return sorted(module_db, key=lambda info: info.module_cls.__name__)


class _Tally:
    """What was found of one module so far."""

    def __init__(self, limits: Sequence[float] = LIMITS) -> None:
        self.samples, self.limits = 0, limits
        self.errors: Errors = [None] * len(COLUMNS)
        self.failures: list[str] = []

    def add(self, where: str, run: Callable[[], Errors]) -> None:
        """Run a sample and count it."""
        self.samples += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = run()
        except Exception as error:  # whatever it is, it is a failure of this sample
            self.failures.append(f"{where}: {type(error).__name__}: {error}")
            return
        for column, value in enumerate(found):
            if value is not None:
                self.errors[column] = float(np.fmax(self.errors[column] or 0.0, value))
                if not value <= self.limits[column]:  # NaN fails too
                    self.failures.append(f"{where}: {COLUMNS[column]} differs by {value:.1e}")


def measure(info: ModuleInfo) -> Row:
    """Run all inputs and all error inputs of a module of the database."""
    name = info.module_cls.__name__
    cls = ours(name)
    if cls is None:
        return Row(name, 0, [None] * len(COLUMNS), None, ["there is no such module"])
    tally = _Tally()
    for training in (False, True) if info.train_and_eval_differ else (False,):
        for i, case in enumerate(_cases(info, training)):
            mode = "training" if training else "evaluation"
            where = f"input {i}, {mode}, {case.desc or 'plain'}"
            tally.add(where, partial(_run, info, cls, case, training))
    if tally.errors[0] is None:
        tally.failures.append("nothing was compared")
    refused = _refused(info, cls, tally.failures)
    return Row(name, tally.samples, tally.errors, refused, tally.failures)


def measure_others() -> list[Row]:
    """Run our own samples of the modules that torch has and its database has not."""
    known = {info.module_cls.__name__ for info in module_db}
    tallies: dict[str, _Tally] = {}
    for sample in collect():
        name = type(sample.make()).__name__
        if name in known or sample.torch is None or sample.inputs is None:
            continue
        tally = tallies.setdefault(name, _Tally(WIDER.get(name, LIMITS)))
        for training in (False,) if sample.random else (False, True):
            tally.add(f"sample {tally.samples}", partial(_run_own, sample, training))
    return [Row(n, t.samples, t.errors, None, t.failures) for n, t in sorted(tallies.items())]


def _run_own(sample: ModuleSample, training: bool) -> Errors:
    torch.manual_seed(0)
    theirs, mine = sample.torch(torch).double(), sample.make().double()
    args = [
        torch.tensor(x, requires_grad=x.dtype.kind == "f" and i not in sample.fixed)
        if isinstance(x, np.ndarray)
        else x
        for i, x in enumerate(sample.inputs)
    ]
    return _compare(theirs.train(training), mine.train(training), args, {}, True)


def _cases(info: ModuleInfo, training: bool) -> list[Any]:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )


# ---- one input


def _run(info: ModuleInfo, cls: Any, case: Any, training: bool) -> Errors:
    """Return the errors of a case of the database, by column."""
    made, called = case.constructor_input, case.forward_input
    twins = Twins()
    torch.manual_seed(0)
    theirs = info.module_cls(*made.args, **made.kwargs)
    mine = cls(*twins(made.args), **twins(made.kwargs))
    theirs, mine = theirs.double().train(training), mine.double().train(training)
    if info.is_lazy:
        theirs(*copy.deepcopy(called.args), **copy.deepcopy(called.kwargs))
        mine(*twins(called.args), **twins(called.kwargs))
    # torch's loss in parts has no second derivatives, which look like zeros
    second = info.supports_gradgrad and made.kwargs.get("options") is None
    return _compare(theirs, mine, called.args, called.kwargs, second)


def _compare(theirs: Any, mine: Any, args: Any, kwargs: Any, second: bool) -> Errors:
    """Give both modules the same state and inputs; return the errors by column."""
    state = theirs.state_dict()
    if list(mine.state_dict()) != list(state):
        raise AssertionError(f"state {list(mine.state_dict())}, expected {list(state)}")
    mine.load_state_dict({k: rl.from_numpy(array(v)) for k, v in state.items()})
    twins = Twins()
    got, expected = mine(*twins(args), **twins(kwargs)), theirs(*args, **kwargs)
    if _form(got) != _form(expected):
        raise AssertionError(f"output of the form {_form(got)}, expected {_form(expected)}")
    got, expected = _leaves(got), _leaves(expected)
    members = list(zip(theirs.parameters(), mine.parameters(), strict=True))
    for a, b in [*members, *zip(expected, got, strict=True)]:
        if a.requires_grad != b.requires_grad:
            raise AssertionError(f"requires_grad is {b.requires_grad}, not {a.requires_grad}")
    inputs, members = twins.pairs, [(a, b) for a, b in members if a.requires_grad]
    pairs = inputs + members
    first, grads = _gradients(torch, expected, [a for a, _ in pairs], torch.from_numpy, second)
    second = second and grads is not None  # or not differentiable twice in torch either
    found, again = _gradients(rl, got, [b for _, b in pairs], rl.from_numpy, second)
    buffers = zip(mine.buffers(), theirs.buffers(), strict=True)
    n = len(inputs)
    return [
        _furthest([*zip(got, expected, strict=True), *buffers]),
        _furthest(zip(found[:n], first[:n], strict=True)),
        _furthest(zip(found[n:], first[n:], strict=True)),
        _furthest(zip(again, grads, strict=True), _zeros) if second else None,
    ]


def _leaves(output: Any) -> list[Any]:
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        return [leaf for part in output for leaf in _leaves(part)]
    return [] if output is None else [output]


def _form(output: Any) -> Any:
    """Return how an output is made of tensors: keys, names and Nones."""
    if isinstance(output, dict):
        return {key: _form(part) for key, part in output.items()}
    if isinstance(output, (tuple, list)):
        kind = type(output)
        return getattr(kind, "_fields", kind.__name__), [_form(part) for part in output]
    return None if output is None else "tensor"


def _kind(tensor: Any) -> tuple[str, tuple[int, ...]]:
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)


def _gradients(lib: Any, outputs: list[Any], wanted: list[Any], make: Any, second: bool) -> Any:
    """Return the gradients of a random sum of the outputs, and those of a random sum of these.

    The second are None where torch has not got them.
    """
    if not wanted or not any(out.requires_grad for out in outputs):
        return [None] * len(wanted), [None] * len(wanted)
    total = _random_sum(outputs, make, 1)
    first = lib.autograd.grad(total, wanted, create_graph=second, allow_unused=True)
    if not second:
        return list(first), None
    if not any(g is not None and g.requires_grad for g in first):
        return list(first), [None] * len(wanted)
    try:
        found = lib.autograd.grad(_random_sum(first, make, 2), wanted, allow_unused=True)
    except RuntimeError as error:
        if lib is rl or "is not implemented" not in str(error):
            raise
        return list(first), None
    return list(first), list(found)


def _random_sum(tensors: Sequence[Any], make: Any, seed: int) -> Any:
    """Sum those that have a gradient, each by weights that are its own."""
    return sum(
        (t * make(np.random.default_rng([seed, i]).standard_normal(tuple(t.shape)))).sum()
        for i, t in enumerate(tensors)
        if t is not None and t.requires_grad
    )


def _same(mine: Any, theirs: Any) -> tuple[Any, Any]:
    if mine is None or theirs is None:
        raise AssertionError(f"{_kind(mine)}, expected {_kind(theirs)}")
    return mine, theirs


def _zeros(mine: Any, theirs: Any) -> tuple[Any, Any]:
    """Stand zeros for a second gradient that is missing on one side alone."""
    return (0.0 * theirs if mine is None else mine), (0.0 * mine if theirs is None else theirs)


def _furthest(pairs: Any, complete: Any = _same) -> float | None:
    """Return the largest error of the pairs, NaN if any is; None if there is nothing in them."""
    errors = [_error(*complete(a, b)) for a, b in pairs if a is not None or b is not None]
    return float(np.max(errors)) if errors else None


def _error(mine: Any, theirs: Any) -> float:
    """Return the largest error relative to the largest value; NaN where inf or nan differ."""
    if _kind(mine) != _kind(theirs):
        raise AssertionError(f"{_kind(mine)}, expected {_kind(theirs)}")
    a, b = (np.asarray(x.detach().numpy(force=True), np.float64) for x in (mine, theirs))
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return float("nan")
    scale = max(FLOOR, np.abs(b[finite]).max(initial=0.0))
    return float(np.abs(a[finite] - b[finite]).max(initial=0.0) / scale)


def _kind(tensor: Any) -> Any:
    """Return dtype and shape."""
    if tensor is None:
        return None
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)


# ---- error inputs


def _refused(info: ModuleInfo, cls: Any, failures: list[str]) -> int | None:
    """Count the error inputs that are refused; None without any."""
    if info.module_error_inputs_func is None:
        return None
    torch.manual_seed(0)
    count = 0
    for i, error_input in enumerate(_error_inputs(info)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _refusal(info, cls, error_input)
        count += found is None
        failures += [] if found is None else [f"error input {i}: {found}"]
    return count


def _refusal(info: ModuleInfo, cls: Any, error_input: Any) -> str | None:
    """Return what is wrong with how ours refuses an error input; None if it is like torch's."""
    case, wanted = error_input.module_error_input, error_input.error_type
    for double in (True, False):  # of one dtype if that is refused too: for the same reason then
        theirs = _raised(info.module_cls, case, lambda value: value, double)
        if isinstance(theirs.error, wanted) and re.search(
            error_input.error_regex, str(theirs.error)
        ):
            break
    else:
        return f"torch does not refuse it as it says: {theirs.error!r}"
    mine = _raised(cls, case, Twins(), double)
    unbuilt = isinstance(mine.error, NotImplementedError) and wanted is not NotImplementedError
    if not isinstance(mine.error, wanted) or unbuilt:
        return f"{mine.error!r}, not {wanted.__name__} ({error_input.error_regex})"
    if mine.stage != theirs.stage or "got" not in str(mine.error):
        return f"{mine.error!r} in {mine.stage}, not in {theirs.stage}"
    return None


class _Raised(NamedTuple):
    """What was raised, and whether by the constructor or by the call."""

    error: Exception | None
    stage: str


def _raised(cls: Any, case: Any, twins: Any, double: bool) -> _Raised:
    """Make the module of an error input and call it."""
    made, called = case.constructor_input, case.forward_input
    stage = "construction"
    try:
        module = cls(*twins(made.args), **twins(made.kwargs))
        if called is not None:
            stage = "forward"
            module = module.double() if double else module
            module(*twins(called.args), **twins(called.kwargs))
    except Exception as error:
        return _Raised(error, stage)
    return _Raised(None, stage)


def _error_inputs(info: ModuleInfo) -> Iterator[Any]:
    yield from info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=False
    )
