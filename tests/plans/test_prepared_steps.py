"""Steps of optimizers that a routine takes without Python: bits, counts, errors of eager ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import batches, make

import rushlight as rl
from rushlight import nn, optim
from rushlight.compiled import native
from rushlight.plans.steps import Step

BATCHES = batches(3)


class Own(optim.Adam):
    """Adam with an update of its own."""

    def update(self, parameter: Any, gradient: Any, *rest: Any) -> None:
        super().update(parameter, gradient, *rest)
        parameter *= np.asarray(0.99, parameter.dtype)


def _options(**options: Any) -> Callable[[Any], Any]:
    def change(optimizer: Any) -> None:
        made = {key: rl.tensor(v[0]) if type(v) is list else v for key, v in options.items()}
        optimizer.param_groups[0].update(made)  # a tensor is a new one, as it will change

    return change


def _patch(optimizer: Any) -> None:
    plain = type(optimizer).update

    def update(parameter: Any, *rest: Any) -> None:
        plain(optimizer, parameter, *rest)
        parameter *= np.asarray(0.9, parameter.dtype)

    optimizer.update = update


def _counts(*counts: float) -> Callable[[Any], None]:
    def change(optimizer: Any) -> None:
        for entry, count in zip(optimizer.state.values(), counts, strict=False):
            if "step" in entry:
                entry["step"]._array[...] = count

    return change


def _in_place(key: str, value: float) -> Callable[[Any], None]:
    def change(optimizer: Any) -> None:
        optimizer.param_groups[0][key]._array[...] = value

    return change


def _reload(optimizer: Any) -> None:
    optimizer.load_state_dict(optimizer.state_dict())


BETAS = [0.8, 0.99]  # a list, which may change in place


def _mutable(optimizer: Any) -> None:
    BETAS[:] = [0.8, 0.99]
    optimizer.param_groups[0]["betas"] = BETAS


def _mutate(optimizer: Any) -> None:
    BETAS[0] = 0.5


CHANGES: dict[str, Any] = {
    "another rate": _options(lr=0.03),
    "no rate": _options(lr=0),
    "a rate of NumPy's": _options(lr=np.float32(0.3)),
    "a rate that is a tensor": _options(lr=[0.25]),
    "the tensor has changed": _in_place("lr", 0.125),
    "decay": _options(weight_decay=0.1),
    "decay that is a tensor": _options(weight_decay=[0.2]),
    "it has changed": _in_place("weight_decay", 0.4),
    "no decay": _options(weight_decay=0),
    "uphill": _options(maximize=True),
    "the last counts that are exact": _counts(*[2.0**24 - 3] * 99),
    "counts that differ": _counts(3.0, 5.0),
    "equal counts": _counts(*[7.0] * 99),
    "a state loaded": _reload,
    "another method": _patch,
    "its own again": lambda optimizer: vars(optimizer).pop("update"),
    "betas in a list": _mutable,
    "the list has changed": _mutate,
}
OPTIMIZERS: dict[str, Any] = {
    "Adam": lambda ps: optim.Adam(ps, lr=0.01),
    "Adam with names": lambda ps: optim.Adam([(str(i), p) for i, p in enumerate(ps)], lr=0.01),
    "AMSGrad": lambda ps: optim.Adam(ps, lr=0.01, amsgrad=True, weight_decay=0.1),
    "epsilon hat": lambda ps: optim.Adam(ps, lr=0.01, eps=1e-3, epsilon_hat=True),
    "AdamW": lambda ps: optim.AdamW(ps, lr=0.01, maximize=True),
    "SGD": lambda ps: optim.SGD(ps, lr=0.01, weight_decay=0.1),
    "momentum": lambda ps: optim.SGD(ps, lr=0.01, momentum=0.9, dampening=0.1),
    "Nesterov": lambda ps: optim.SGD(ps, lr=0.01, momentum=0.9, nesterov=True),
    "two groups": lambda ps: optim.Adam(
        [{"params": [p], "lr": 0.01 * (i + 1)} for i, p in enumerate(ps)]
    ),
    "its own update": lambda ps: Own(ps, lr=0.01),
    "other numbers": lambda ps: optim.NAdam(ps, lr=0.01),
}
PREPARED = {name for name in OPTIMIZERS if name not in ("its own update", "epsilon hat")}
PREPARED -= {"other numbers"}


def _state(case: Any) -> list[Any]:
    tensors = [t for entry in case.optimizer.state.values() for t in entry.values()]
    values = [*case.model.state_dict().values(), *tensors]
    found = [(v._array.dtype.str, v._array.tobytes()) for v in values]
    return [*found, [p._version for p in case.model.parameters()]]


def _plan(case: Any) -> Any:
    return next(iter(case.step._kinds.values())).plan


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bits_and_counts_are_those_of_eager_steps(name: str, dtype: str) -> None:
    def net() -> Any:
        return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(getattr(rl, dtype))

    found: list[list[Any]] = []
    for compile in (False, True):
        rl.manual_seed(3)
        case = make(compile, net, OPTIMIZERS[name])
        lines: list[Any] = []
        for change in [lambda _: None, *CHANGES.values()]:
            if change in (_mutable, _mutate) and not isinstance(case.optimizer, optim.Adam):
                continue
            change(case.optimizer)
            for x, y in BATCHES:
                loss = case.step(x.to(getattr(rl, dtype)), y)
                lines += [repr(loss.item()), _state(case)]
        found.append(lines)
        assert not compile or case.step.reasons == []
    assert found[0] == found[1]


@pytest.mark.skipif(native is None, reason="the compiled extension is absent")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_which_are_taken_without_python(name: str) -> None:
    case = make(True, optimizer_of=OPTIMIZERS[name])
    for x, y in BATCHES:
        case.step(x, y)
    (step,) = _plan(case).steps
    assert isinstance(step, Step)
    prepared = [isinstance(c, (native.Prepared, native.Advance)) for c in step.calls()]
    assert all(prepared) if name in PREPARED else not any(prepared)


def test_many_steps() -> None:
    """Of the powers and roots that correct the means, in which a last bit might differ."""

    def net() -> Any:
        return nn.Linear(1, 3)

    found = []
    for compile in (False, True):
        rl.manual_seed(3)
        case = make(compile, net, lambda ps: optim.Adam(ps, lr=1e-3, betas=(0.9, 0.9999)))
        scheduler = optim.lr_scheduler.StepLR(case.optimizer, 50, 0.99)
        ((x, y),) = batches(1, (1,), 2)
        lines = []
        for i in range(3000):
            case.step(x, y)
            scheduler.step()
            if i % 100 == 0:
                lines.append(_state(case))
        found.append(lines)
    assert found[0] == found[1]


@pytest.mark.parametrize("rate", ["nothing", None, [1.0]])
def test_a_rate_that_is_no_number_raises_what_it_did(rate: Any) -> None:
    found = []
    for compile in (False, True):
        rl.manual_seed(3)
        case = make(compile)
        for x, y in BATCHES:
            case.step(x, y)
        case.optimizer.param_groups[0]["lr"] = rate
        with pytest.raises((TypeError, ValueError)) as raised:
            case.step(x, y)
        left = [p.grad.tolist() for p in case.model.parameters()]
        case.optimizer.param_groups[0]["lr"] = 0.1
        case.step(x, y)
        found.append((str(raised.value), left, _state(case)))
    assert found[0] == found[1]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_step_that_raises_leaves_the_gradients_as_it_did(error: Any) -> None:
    found: list[Any] = []
    for compile in (False, True):
        rl.manual_seed(3)
        case = make(compile, optimizer_of=_Failing)
        for x, y in BATCHES:
            case.step(x, y)
        case.optimizer.fails = [error]
        with pytest.raises(error):
            case.step(*BATCHES[0])
        found.append([p.grad.tolist() for p in case.model.parameters()])
        case.step(*BATCHES[1])
        found[-1].append(_state(case))
    assert found[0] == found[1]


class _Failing(optim.SGD):
    """A step that raises once what it is told to."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=0.1)
        self.fails: list[Any] = []

    def update(self, *args: Any) -> None:
        if self.fails:
            raise self.fails.pop()
        super().update(*args)


def test_a_class_that_gets_another_update(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for compile in (False, True):
        rl.manual_seed(3)
        case = make(compile)
        for x, y in BATCHES:
            case.step(x, y)
        with monkeypatch.context() as patch:
            patch.setattr(optim.Adam, "update", lambda self, parameter, *rest: None)
            case.step(x, y)
        case.step(x, y)
        found.append(_state(case))
    assert found[0] == found[1]
