"""Compiled training steps and inference: the bits of those that are not compiled."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import Case, adam, batches, bits, make, net, same_state

import rushlight as rl
from rushlight import nn, optim
from rushlight.kernels import source


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def train(case: Case, data: list[tuple[Any, Any]]) -> list[Any]:
    return [bits(case.step(x, y)) for x, y in data]


def check(
    net: Callable[[], Any],
    optimizer_of: Callable[[Any], Any] = adam,
    loss_of: Any = None,
    shape: tuple[int, ...] = (6,),
    target: Callable[[Any], Any] | None = None,
) -> None:
    data = batches(7, shape)
    if target is not None:
        data = [(x, target(x)) for x, _ in data]
    cases, losses, states = [], [], []
    for compile in (False, True):
        rl.manual_seed(0)
        cases.append(make(compile, net, optimizer_of, loss_of))
        losses.append(train(cases[-1], data))
        states.append(str(rl.get_rng_state()))
    assert losses[0] == losses[1]
    assert states[0] == states[1]
    same_state(*cases)
    step = cases[1].step
    assert [kind.why for kind in step._kinds.values()] == [""]
    assert step.recordings < 4, "the plan is not run"


def _conv() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Dropout(0.3), nn.Linear(6, 3)),
    )


class _Own(nn.Module):
    """Ops between layers, a parameter used twice, a branch on the mode, a helper."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)
        self.scale = 0.5
        self.blocks = nn.ModuleList([nn.Linear(6, 6) for _ in range(2)])

    def mixed(self, h: Any) -> Any:
        return h * self.scale + h[:, :1].tanh()

    def forward(self, x: Any) -> Any:
        h = self.a(self.a(x).sigmoid())
        for block in self.blocks:
            h = h + nn.functional.gelu(block(h))
        if self.training:
            h = nn.functional.dropout(h, 0.1)
        return self.b(self.mixed(h)) - h.mean(1, keepdim=True)


class _Recurrent(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer, self.out = getattr(nn, kind)(3, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.out(self.layer(x.reshape(-1, 2, 3))[0][:, -1])


NETS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(6, 3), (6,)),
    "mlp": (net, (6,)),
    "own": (_Own, (6,)),
    "conv": (_conv, (1, 12, 12)),
    "lstm": (lambda: _Recurrent("LSTM"), (6,)),
    "gru": (lambda: _Recurrent("GRU"), (6,)),
    "tied": (lambda: nn.Sequential(*[nn.Linear(6, 6)] * 2, nn.Linear(6, 3)), (6,)),
    "float64": (lambda: nn.Sequential(nn.Linear(6, 3)), (6,)),
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "adadelta": optim.Adadelta,
    "adamax": lambda p: optim.Adamax(p, lr=0.01),
    "nadam": lambda p: optim.NAdam(p, lr=0.01),
    "radam": lambda p: optim.RAdam(p, lr=0.01),
    "rprop": lambda p: optim.Rprop(p, lr=0.01),
    "asgd": lambda p: optim.ASGD(p, lr=0.01),
    "lion": lambda p: optim.Lion(p, lr=0.01),
    "adafactor": lambda p: optim.Adafactor(p, lr=0.01),
    "groups": lambda p: optim.SGD([{"params": q, "lr": 0.1 / (i + 1)} for i, q in enumerate(p)]),
}


@pytest.mark.parametrize("name", NETS)
def test_a_step_of_a_net(name: str) -> None:
    make_net, shape = NETS[name]
    if name == "conv" and source("max_pool_forward") == "numpy":
        pytest.skip("the reference of max-pooling looks for nan, and goes on accordingly")
    check(make_net, shape=shape)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_of_an_optimizer(name: str) -> None:
    check(net, OPTIMIZERS[name])


@pytest.mark.parametrize("momentum", [None, 0.3])
def test_batch_norm_with_other_momenta(momentum: float | None) -> None:
    def make_net() -> Any:
        return nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3, momentum=momentum))

    if momentum is None:  # the share of a batch is a number that depends on how many there were
        with pytest.warns(UserWarning, match="depends on values"):
            make_twice(make_net)
    else:
        check(make_net)


def make_twice(make_net: Callable[[], Any]) -> None:
    cases = []
    for compile in (False, True):
        rl.manual_seed(0)
        cases.append(make(compile, make_net))
        train(cases[-1], batches(5))
    same_state(*cases)


LOSSES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "mse": (nn.MSELoss(), lambda x: x[:, :3] * 2.0),
    "smooth": (nn.SmoothL1Loss(beta=0.5), lambda x: x[:, :3] * 2.0),
    "logits": (nn.BCEWithLogitsLoss(), lambda x: (x[:, :3] > 0).float()),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), lambda x: (x[:, 0] > 0).long()),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), lambda x: (x[:, 0] > 0).long()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_of_a_loss(name: str) -> None:
    loss, target = LOSSES[name]
    check(net, loss_of=loss, target=target)


def test_inference_of_a_module() -> None:
    for make_net, shape in NETS.values():
        model = make_net()
        call = rl.compile(model, fullgraph=True)
        for mode in (True, False):
            for size in (4, 1 if not mode else 3):
                data = [x for x, _ in batches(5, shape, size)]
                model.train(mode)
                found = []
                for run in (model, call):
                    rl.manual_seed(1)
                    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()})
                    with rl.no_grad():
                        found.append([bits(run(x)) for x in data] if not mode else None)
                assert found[0] == found[1]
        assert call.recordings == 2


def test_memory_is_shared_by_what_does_not_live_at_the_same_time() -> None:
    model = nn.Sequential(*[layer for _ in range(6) for layer in (nn.Linear(64, 64), nn.Tanh())])
    call = rl.compile(model)
    with rl.no_grad():
        for _ in range(3):
            call(rl.ones(32, 64))
    (kind,) = call._kinds.values()
    sizes = kind.plan.program.sizes
    assert len(sizes) == 12 and kind.plan.program.nbytes <= 3 * max(sizes)


def test_gradients_without_an_optimizer() -> None:
    """`.grad` is set; a call that finds a gradient adds to it, as without a plan."""
    model = nn.Linear(3, 2)

    def f(x: Any) -> None:
        model(x).square().sum().backward()

    call, x = rl.compile(f), rl.tensor(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    for _ in range(4):
        model.zero_grad()
        f(x)
        wanted = [bits(p.grad) for p in model.parameters()]
        model.zero_grad()
        call(x)
        assert [bits(p.grad) for p in model.parameters()] == wanted
    f(x)
    wanted = [bits(p.grad) for p in model.parameters()]
    model.zero_grad()
    call(x)
    with pytest.warns(UserWarning, match="gradients of an earlier call"):
        call(x)
    assert [bits(p.grad) for p in model.parameters()] == wanted


def test_a_recording_leaves_no_memory_behind() -> None:
    model = nn.Sequential(*[layer for _ in range(8) for layer in (nn.Linear(256, 256), nn.Tanh())])
    # so large that Python's own objects count for little, and rows are not spread (`routine.py`)
    call, x = rl.compile(model), rl.ones(256, 256)
    with rl.no_grad():
        call(x)
        tracemalloc.start()
        try:
            call(x)
            call(x)
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    (kind,) = call._kinds.values()
    assert sum(kind.plan.program.sizes) > 4 * kind.plan.program.nbytes
    assert most < sum(kind.plan.program.sizes) / 2
    assert held < 2.5 * kind.plan.program.nbytes  # its memory, and the argument's
