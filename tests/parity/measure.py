"""One case of torch's database through torch and through Rushlight, and how far apart they are."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
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
LIMITS = (1e-10, 1e-9, 1e-9, 1e-7)  # in float64, relative to the largest value, at least 1


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

    def __init__(self) -> None:
        self.samples = 0
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
                if not value <= LIMITS[column]:  # NaN fails too
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
        tally = tallies.setdefault(name, _Tally())
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
    if info.is_lazy:
        theirs(*copy.deepcopy(called.args), **copy.deepcopy(called.kwargs))
        mine(*twins(called.args), **twins(called.kwargs))
    theirs, mine = theirs.double().train(training), mine.double().train(training)
    return _compare(theirs, mine, called.args, called.kwargs, info.supports_gradgrad)


def _compare(theirs: Any, mine: Any, args: Any, kwargs: Any, second: bool) -> Errors:
    """Give both modules the same state and inputs; return the errors by column."""
    mine.load_state_dict({k: rl.from_numpy(array(v)) for k, v in theirs.state_dict().items()})
    twins = Twins()
    got = _leaves(mine(*twins(args), **twins(kwargs)))
    expected = _leaves(theirs(*args, **kwargs))
    members = list(zip(theirs.parameters(), mine.parameters(), strict=True))
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
        _furthest(zip(again, grads, strict=True)) if second else None,
    ]


def _leaves(output: Any) -> list[Any]:
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        return [leaf for part in output for leaf in _leaves(part)]
    return [] if output is None else [output]


def _gradients(lib: Any, outputs: list[Any], wanted: list[Any], make: Any, second: bool) -> Any:
    """Return the gradients of a random sum of the outputs, and those of a random sum of these.

    The second are None where the library cannot give them.
    """
    outputs = [out for out in outputs if out.requires_grad]
    if not outputs or not wanted:
        return [None] * len(wanted), [None] * len(wanted)
    total = _random_sum(outputs, make, 1)
    first = lib.autograd.grad(total, wanted, create_graph=second, allow_unused=True)
    if not second:
        return list(first), None
    again = [g for g in first if g is not None and g.requires_grad]
    if not again:
        return list(first), [None] * len(wanted)
    try:
        found = lib.autograd.grad(_random_sum(again, make, 2), wanted, allow_unused=True)
    except RuntimeError:
        if lib is rl:
            raise
        return list(first), None
    return list(first), list(found)


def _random_sum(tensors: list[Any], make: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return sum((t * make(rng.standard_normal(tuple(t.shape)))).sum() for t in tensors)


def _furthest(pairs: Any) -> float | None:
    """Return the largest error relative to the largest value; None without pairs."""
    worst = None
    for mine, theirs in pairs:
        a, b = _values(mine, theirs), _values(theirs, mine)
        if a.shape != b.shape:
            raise AssertionError(f"shape {a.shape}, expected {b.shape}")
        finite = np.isfinite(b)
        same = np.array_equal(a[~finite], b[~finite], equal_nan=True)
        scale = max(1.0, np.abs(b[finite]).max(initial=0.0))
        error = np.abs(a[finite] - b[finite]).max(initial=0.0) / scale if same else float("nan")
        worst = float(error) if worst is None else float(np.fmax(worst, error) if same else error)
    return worst


def _values(tensor: Any, other: Any) -> Any:
    """Return the values; a gradient that is missing on one side alone stands for zeros."""
    if tensor is None:
        return np.zeros(() if other is None else tuple(other.shape))
    return np.asarray(tensor.detach().numpy(force=True), np.float64)


# ---- error inputs


def _refused(info: ModuleInfo, cls: Any, failures: list[str]) -> int | None:
    """Count the error inputs that are refused; None without any."""
    if info.module_error_inputs_func is None:
        return None
    torch.manual_seed(0)
    count = 0
    for i, error_input in enumerate(_error_inputs(info)):
        case, wanted = error_input.module_error_input, error_input.error_type
        double = not _raises(info.module_cls, case, lambda value: value, wanted, double=False)
        try:
            if _raises(cls, case, Twins(), wanted, double):
                count += 1
            else:
                failures.append(f"error input {i}: not refused ({error_input.error_regex})")
        except Exception as error:
            name = type(error).__name__
            failures.append(f"error input {i}: {name}, not {wanted.__name__}: {error}")
    return count


def _raises(cls: Any, case: Any, twins: Any, wanted: type[Exception], double: bool) -> bool:
    """Tell whether making the module, or calling it, raises such an error; others pass through."""
    made, called = case.constructor_input, case.forward_input
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = cls(*twins(made.args), **twins(made.kwargs))
            if called is not None:
                module = module.double() if double else module
                module(*twins(called.args), **twins(called.kwargs))
    except wanted:
        return True
    return False


def _error_inputs(info: ModuleInfo) -> Iterator[Any]:
    yield from info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=False
    )
