"""Changes of what a compiled function refers to are seen; what cannot be recorded is said."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import Case, batches, make, same_state

import rushlight as rl
from rushlight import nn, optim
from rushlight.nn import functional as F

X, Y = batches(8)[0]


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def follow(change: Callable[[Case, int], None], steps: int = 9) -> Case:
    """Train twice, compiled and not, with a change before each step; both must be the same."""
    cases = []
    for compile in (False, True):
        rl.manual_seed(0)
        case = make(compile)
        losses = []
        for i, (x, y) in enumerate(batches(steps)):
            change(case, i)
            losses.append(case.step(x, y).item())
        cases.append((case, losses))
    (a, first), (b, second) = cases
    assert first == second
    same_state(a, b)
    assert b.step.reasons == [] and any(kind.plan for kind in b.step._kinds.values())
    return b


def at(step: int, change: Callable[[Case], None]) -> Callable[[Case, int], None]:
    return lambda case, i: change(case) if i == step else None


def _rebind(case: Case) -> None:
    with rl.no_grad():
        case.model[0].weight.data = case.model[0].weight.data * 0.5


def _write(case: Case) -> None:
    with rl.no_grad():
        case.model[0].weight.mul_(0.5)


def _load(case: Case) -> None:
    case.model.load_state_dict({k: v * 0.9 for k, v in case.model.state_dict().items()})


def _reload_optimizer(case: Case) -> None:
    import copy

    case.optimizer.load_state_dict(copy.deepcopy(case.optimizer.state_dict()))


def _forget_state(case: Case) -> None:
    del case.optimizer.state[case.model[0].weight]


def _replace_state(case: Case) -> None:
    entry = case.optimizer.state[case.model[0].weight]
    entry["exp_avg"] = entry["exp_avg"] * 0.5


def _replace_layer(case: Case) -> None:
    case.model[2] = nn.Tanh()


def _freeze(case: Case) -> None:
    case.model[0].weight.requires_grad_(False)
    case.model[0].weight.grad = None


def _option(name: str, value: Any) -> Callable[[Case], None]:
    return lambda case: case.optimizer.param_groups[0].update({name: value})


def _dropout(case: Case) -> None:
    case.model[3].p = 0.3


CHANGES: dict[str, Callable[[Case, int], None]] = {
    "a schedule of the learning rate": lambda case, i: _option("lr", 0.01 / (i + 1))(case),
    "an option of the optimizer": at(5, _option("weight_decay", 0.1)),
    "a parameter rebound": at(5, _rebind),
    "a parameter written to": at(5, _write),
    "a state dict loaded": at(5, _load),
    "the optimizer's state loaded": at(5, _reload_optimizer),
    "a state forgotten": at(5, _forget_state),
    "a state replaced": at(5, _replace_state),
    "another layer": at(4, _replace_layer),
    "another probability": at(5, _dropout),
    "a parameter frozen": at(4, _freeze),
    "evaluation mode": lambda case, i: case.model.train(i % 5 != 3),
    "one layer in evaluation mode": at(5, lambda case: case.model[1].eval()),
    "a seed": at(6, lambda case: rl.manual_seed(3)),
    "gradients dropped": lambda case, i: case.optimizer.zero_grad() if i == 6 else None,
    "another step of the optimizer": at(6, lambda case: case.optimizer.step()),
    "a step that is not compiled": at(6, lambda case: case.plain(X, Y)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name: str) -> None:
    follow(CHANGES[name])


def test_shapes_and_dtypes_have_plans_of_their_own() -> None:
    net = nn.Linear(3, 2)
    call = rl.compile(net)
    with rl.no_grad():
        for _ in range(3):
            for rows in (1, 4, 7):
                x = rl.randn(rows, 3)
                assert (call(x).numpy() == net(x).numpy()).all()
            x = rl.randn(4, 6)[:, ::2]  # elements that do not adjoin
        assert call.recordings == 3
        with pytest.warns(UserWarning, match="do not lie side by side"):
            for _ in range(2):
                assert (call(x).numpy() == net(x).numpy()).all()


def test_plans_are_few() -> None:
    net = nn.Linear(2, 2)
    call = rl.compile(net)
    with rl.no_grad():
        for n in range(1, 40):
            call(rl.ones(n, 2))
    assert len(call._kinds) == 16


def test_numbers_of_closures_globals_and_attributes_are_read_anew() -> None:
    class Options:
        scale = 2.0

    options, table, factor = Options(), {"shift": 1.0}, 3.0
    options.scale = 2.0

    @rl.compile(fullgraph=True)
    def f(x: Any, power: int = 2) -> Any:
        return (x * options.scale + table["shift"]) ** power * factor

    x = rl.tensor([1.0, 2.0])
    for round in range(3):
        options.scale, table["shift"], factor = 2.0 + round, 1.0 - round, 3.0 * (round + 1)
        for power in (2, 3):
            for _ in range(3):
                expected = (x * options.scale + table["shift"]) ** power * factor
                assert (f(x, power).numpy() == expected.numpy()).all()
    assert f.recordings == 6


def test_values_that_choose_other_calls_are_told_apart() -> None:
    """A class index out of range is the error that it is; nothing was changed before."""
    rl.manual_seed(0)
    case = make(True)
    for x, y in batches(4):
        case.step(x, y)
    before, state = rl.get_rng_state(), {k: v.clone() for k, v in case.model.state_dict().items()}
    bad = Y.clone()
    bad[0] = 9
    with pytest.raises(IndexError, match="class index 9"):
        case.step(X, bad)
    plain = make(False)
    with pytest.raises(IndexError, match="class index 9"):
        plain.step(X, bad)
    del before
    changed = [k for k, v in case.model.state_dict().items() if not bool((v == state[k]).all())]
    assert all("running" in k or "tracked" in k for k in changed)  # as without a plan


def test_what_is_returned_and_left_is_the_callers() -> None:
    case = make(True)
    data = batches(6)
    for x, y in data[:4]:
        loss = case.step(x, y)
    held = [p.grad for p in case.model.parameters()]
    view = held[0].numpy()[0]
    copies = [g.clone() for g in held]
    seen = view.copy()
    kept = loss.item()
    for x, y in data[4:]:
        other = case.step(x, y)
    assert loss.item() == kept and other is not loss
    assert all(bool((g == c).all()) for g, c in zip(held, copies, strict=True))
    assert (view == seen).all()
    with pytest.raises(RuntimeError, match="second time"):
        other.backward()
    assert other.requires_grad and not other.is_leaf


def test_structures_go_in_and_come_out() -> None:
    @rl.compile(fullgraph=True)
    def f(pair: Any, *, more: Any) -> Any:
        a, b = pair
        return {"sum": a + b, "rest": [more["c"] * 2.0, None, 3], "same": a}

    for i in range(4):
        a, b, c = rl.ones(2) * i, rl.ones(2), rl.ones(3) * i
        found = f((a, b), more={"c": c})
        assert found["same"] is a and found["rest"][1:] == [None, 3]
        assert found["sum"].tolist() == [i + 1.0] * 2 and found["rest"][0].tolist() == [2.0 * i] * 3


def test_two_threads_may_call_it() -> None:
    net = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4)).eval()
    call = rl.compile(net)
    inputs = [rl.randn(8, 16) for _ in range(20)]
    with rl.no_grad():
        wanted = [net(x).numpy() for x in inputs]
    wrong: list[int] = []

    def work() -> None:
        with rl.no_grad():
            for _ in range(5):
                for i, x in enumerate(inputs):
                    if not (call(x).numpy() == wanted[i]).all():
                        wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---- what cannot be recorded

NET = nn.Linear(3, 1)
LOSSES: list[Any] = []
COUNT = 0


def _item(x: Any) -> Any:
    return x * NET(x).sum().item()


def _branch(x: Any) -> Any:
    return x * 2.0 if NET(x).sum() > 0 else x


def _numpy(x: Any) -> Any:
    return rl.from_numpy(x.numpy() * 2.0)


def _print(x: Any) -> Any:
    print("called")
    return x * 2.0


def _append(x: Any) -> Any:
    LOSSES.append(x * 2.0)
    return x * 2.0


def _count(x: Any) -> Any:
    global COUNT
    COUNT += 1
    return x * 2.0


def _attribute(x: Any) -> Any:
    NET.seen = True
    return x * 2.0


def _graph(x: Any) -> Any:
    return NET(x)


def _random(x: Any) -> Any:
    return x * float(np.random.default_rng(0).random())


def _seeded(x: Any) -> Any:
    rl.manual_seed(1)
    return x * rl.rand(3)


class _Double(rl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2.0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2.0


def _own(x: Any) -> Any:
    return _Double.apply(x)


ARRAY = np.ones(3, np.float32)


def _accumulate(x: Any) -> Any:
    loss = NET(x).sum()
    loss.backward()
    return loss


def _outside(x: Any) -> Any:
    return x * rl.from_numpy(ARRAY)


REFUSED = {
    "item": (_item, "taken by item"),
    "branch": (_branch, "taken as true or false"),
    "numpy": (_numpy, "Tensor.numpy"),
    "print": (_print, "print"),
    "append": (_append, "append"),
    "global": (_count, "sets the global COUNT"),
    "attribute": (_attribute, "sets the attribute seen"),
    "graph": (_graph, "gradient may still be asked for"),
    "random": (_random, "default_rng"),
    "seed": (_seeded, "manual_seed"),
    "function": (_own, "_Double"),
    "array": (_outside, "ndarray"),
    "gradients": (_accumulate, "it uses gradients of an earlier call"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_called_as_it_is(name: str, capsys: Any) -> None:
    function, why = REFUSED[name]
    call = rl.compile(function)
    x = rl.tensor([[1.0, 2.0, 3.0]])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for i in range(4):
            assert (call(x * i).detach().numpy() == function(x * i).detach().numpy()).all()
    assert len(seen) == 1 and why in str(seen[0].message)
    strict = rl.compile(function, fullgraph=True)
    with pytest.raises(RuntimeError, match="compile"):
        for _ in range(2):
            strict(x)


def test_effects_of_what_is_refused_happen_once() -> None:
    """A call that turns out not to be recordable has been made, not made twice."""
    results = []
    for compile in (False, True):
        rl.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
        optimizer = optim.SGD(net.parameters(), lr=0.1)

        def step(x: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        call = rl.compile(step) if compile else step
        x = rl.ones(5, 3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            losses = [call(x) for _ in range(4)]
        results.append((losses, [p.tolist() for p in net.state_dict().values()]))
    assert results[0] == results[1]


def test_hooks_are_called() -> None:
    case = make(True)
    data = batches(6)
    for x, y in data[:4]:
        case.step(x, y)
    seen: list[int] = []
    handle = case.model[0].weight.register_hook(lambda g: seen.append(1))
    with pytest.warns(UserWarning, match="hooks of a tensor"):
        case.step(*data[4])
    handle.remove()
    handle = case.model[0].register_forward_hook(lambda *args: seen.append(2))
    with pytest.warns(UserWarning, match="a module with hooks"):
        case.step(*data[5])
    handle.remove()
    before = case.step.recordings
    for x, y in data:
        case.step(x, y)
    assert seen == [1, 2]
    assert case.step.recordings > before and any(kind.plan for kind in case.step._kinds.values())


def test_arguments_and_what_it_looks_like() -> None:
    net = nn.Linear(2, 3)
    call = rl.compile(net)
    assert rl.compile(net, disable=True) is net
    assert call.weight is net.weight and call.eval() is net
    assert repr(call).startswith("Compiled(Linear")
    with pytest.raises(TypeError, match="a function or a Module"):
        rl.compile(3)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = call.nothing_such
    assert F.relu is rl.compile(F.relu, disable=True)


def _write(x: Any) -> Any:
    x.add_(1.0)
    return x * 2.0


def _ask(x: Any) -> Any:
    x.requires_grad_()
    (x * x).sum().backward()
    return x.grad * 1.0


def _schedule(x: Any) -> Any:
    SCHEDULE.step()
    return x * 2.0


def _save(x: Any) -> Any:
    rl.save({"x": x}, "nowhere")
    return x


OPTIMIZER = optim.SGD(NET.parameters(), lr=0.1)
OPTIMIZER.step()
SCHEDULE = optim.lr_scheduler.StepLR(OPTIMIZER, 1)


def test_writes_to_arguments_and_other_effects_are_refused() -> None:
    for function, why in ((_write, "changes an argument"), (_schedule, "StepLR")):
        call = rl.compile(function)
        with pytest.warns(UserWarning, match=why):
            for i in range(3):
                x, y = rl.ones(2) * i, rl.ones(2) * i
                assert call(x).tolist() == function(y).tolist()
                assert x.tolist() == y.tolist()
    call = rl.compile(_ask)
    with pytest.warns(UserWarning, match="changes an argument"):
        for i in range(3):
            x = rl.ones(2) * i
            assert call(x).tolist() == [2.0 * i] * 2
            assert x.grad.tolist() == [2.0 * i] * 2 and x.requires_grad
    with pytest.raises(RuntimeError, match="save"):
        rl.compile(_save, fullgraph=True)(rl.ones(2))


def test_random_numbers_are_new_in_each_call() -> None:
    def noisy(x: Any) -> Any:
        noise = rl.randn(4, 3) * 0.1 + rl.rand_like(x) + rl.bernoulli(rl.full((4, 3), 0.3))
        return (x + noise, rl.randint(0, 9, (5,)), rl.randperm(6))

    call, x = rl.compile(noisy, fullgraph=True), rl.ones(4, 3)
    found = []
    for function in (noisy, call):
        rl.manual_seed(5)
        found.append([[t.tolist() for t in function(x)] for _ in range(5)])
    assert found[0] == found[1] and found[0][3] != found[0][4]
    assert call.recordings == 1


def test_a_gradient_that_is_clipped_within_the_step() -> None:
    results = []
    for compile in (False, True):
        rl.manual_seed(0)
        net = nn.Linear(6, 3)
        optimizer = optim.Adam(net.parameters(), lr=0.1)

        def step(x: Any, y: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            optimizer.step()
            return loss

        call = rl.compile(step) if compile else step
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            losses = [call(x, y).item() for x, y in batches(6)]
        assert not seen
        results.append((losses, net.weight.tolist(), net.weight.grad.tolist()))
    assert results[0] == results[1]
