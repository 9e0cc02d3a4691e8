"""What python code may read and change between calls of a compiled function: nothing is missed."""

from __future__ import annotations

import copy
import operator
import pickle
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import batches, bits

import rushlight as rl
from rushlight import nn, optim

CALLS, CHANGE = 7, 4
CASES: dict[str, Callable[[], Any]] = {}


def case(make: Callable[[], Any]) -> Callable[[], Any]:
    """Register what returns a function of a tensor, and one that changes what it reads."""
    CASES[make.__name__[1:]] = make
    return make


def _fresh(base: type = object, **members: Any) -> Any:
    """Return an object of a new class, with class attributes."""
    return type("_Fresh", (base,), members)()


@case
def _class_attribute() -> Any:
    cell = _fresh(scale=2.0)

    def f(x: Any) -> Any:
        known = cell
        return x * known.scale

    return f, lambda: setattr(type(cell), "scale", 5.0)


@case
def _class_attribute_of_a_module() -> Any:
    net = _fresh(nn.Module, scale=2.0, forward=lambda self, x: x * self.scale)
    return net, lambda: setattr(type(net), "scale", 5.0)


@case
def _method_of_a_class() -> Any:
    net = _fresh(nn.Module, forward=lambda self, x: x * 2.0)
    return net, lambda: setattr(type(net), "forward", lambda self, x: x * 3.0)


@case
def _table_of_a_submodule() -> Any:
    layers = nn.ModuleList([_fresh(nn.Module), _fresh(nn.Module)])
    for layer in layers:
        layer.table = {"scale": 2.0}

    def f(x: Any) -> Any:
        for layer in layers:
            x = x * layer.table["scale"]
        return x

    return f, lambda: layers[0].table.update(scale=5.0)


@case
def _forward_of_a_layer() -> Any:
    net, table = nn.Sequential(nn.Identity(), nn.ReLU()), {"scale": 2.0}
    net[1].forward = lambda x: x * table["scale"]
    return net, lambda: table.update(scale=5.0)


@case
def _property() -> Any:
    cell = _fresh(scale=property(lambda self: random.random()))

    def f(x: Any) -> Any:
        known = cell
        return x * known.scale

    return f, lambda: None


@case
def _descriptor() -> Any:
    class Random:
        def __get__(self, owner: Any, kind: Any) -> float:
            return random.random()

    cell = _fresh(scale=Random())
    return (lambda x: x * cell.scale), lambda: None


@case
def _any_attribute() -> Any:
    cell = _fresh(__getattr__=lambda self, name: random.random())
    return (lambda x: x * cell.scale), lambda: None


@case
def _item() -> Any:
    cell = _fresh(__getitem__=lambda self, key: random.random())
    return (lambda x: x * cell[0]), lambda: None


@case
def _operator() -> Any:
    cell = _fresh(__add__=lambda self, x: x + random.random())
    return (lambda x: cell + x), lambda: None


@case
def _kind_of_dict() -> Any:
    cell = _fresh(dict, __getitem__=lambda self, key: random.random())
    return (lambda x: x * cell["a"]), lambda: None


@case
def _slots() -> Any:
    cell = type("_Below", (type("_Slots", (), {"__slots__": ("scale",)}),), {})()
    cell.scale = 2.0

    def f(x: Any) -> Any:
        known = cell
        return x * known.scale

    return f, lambda: setattr(cell, "scale", 5.0)


@case
def _attribute_of_a_function() -> Any:
    def holder() -> None: ...

    holder.scale = 2.0  # type: ignore[attr-defined]

    def f(x: Any) -> Any:
        known = holder
        return x * known.scale  # type: ignore[attr-defined]

    return f, lambda: setattr(holder, "scale", 5.0)


@case
def _defaults() -> Any:
    def f(x: Any, scale: float = 2.0) -> Any:
        return x * scale

    return f, lambda: setattr(f, "__defaults__", (5.0,))


@case
def _sign_of_zero() -> Any:
    cell = _fresh()
    cell.scale = 0.0
    return (lambda x: x * cell.scale), lambda: setattr(cell, "scale", -0.0)


@case
def _more_in_a_dict() -> Any:
    cell = _fresh(table={"a": 2.0})

    def f(x: Any) -> Any:
        for value in cell.table.values():
            x = x * value
        return x

    return f, lambda: cell.table.update(b=3.0)


@case
def _order_of_a_dict() -> Any:
    table = {"a": 2.0, "b": 3.0}

    def f(x: Any) -> Any:
        for value in table.values():
            x = x * value + 1.0
        return x

    return f, lambda: table.update(a=table.pop("a"))


@case
def _change_by_a_function() -> Any:
    table = {"a": 1.0}

    def f(x: Any) -> Any:
        operator.setitem(table, "a", table["a"] + 1.0)
        return x * table["a"]

    return f, lambda: None


@case
def _learning_rate_as_a_number() -> Any:
    optimizer = optim.SGD([nn.Parameter(rl.ones(1))], lr=0.1)

    def f(x: Any) -> Any:
        known = optimizer
        for group in known.param_groups:
            x = x * group["lr"]
        return x * optimizer.param_groups[0]["lr"]

    return f, lambda: optimizer.param_groups[0].update(lr=0.5)


@case
def _presence_of_a_gradient() -> Any:
    w = rl.ones(3, requires_grad=True)
    w.grad = rl.ones(3)
    return (lambda x: x if w.grad is None else x * 2.0), lambda: setattr(w, "grad", None)


@case
def _demand_of_a_gradient() -> Any:
    w = rl.ones(3, requires_grad=True)
    return (lambda x: x * 2.0 if w.requires_grad else x), lambda: w.requires_grad_(False)


@case
def _generator_of_its_own() -> Any:
    return (lambda x: x * rl.rand(3, generator=rl.Generator(0))), lambda: None


@case
def _module_put_in_place() -> Any:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    return net, lambda: net.set_submodule("1", nn.Tanh())


@case
def _module_put_into_the_dict() -> Any:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    return net, lambda: net._modules.update({"1": nn.Tanh()})


@case
def _parameter_put_into_the_dict() -> Any:
    net = nn.Linear(3, 3)
    return net, lambda: net._parameters.update(weight=nn.Parameter(rl.ones(3, 3)))


@case
def _steps_of_its_own_optimizer() -> Any:
    class Plain(optim.SGD):
        def step(self, closure: Any = None) -> None:
            with rl.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.sub_(p.grad * group["lr"])

    net = nn.Linear(3, 3)
    optimizer = Plain(net.parameters(), lr=0.1)

    def f(x: Any) -> Any:
        with rl.enable_grad():
            optimizer.zero_grad()
            loss = net(x).square().sum()
            loss.backward()
        optimizer.step()
        return loss.detach()

    return f, lambda: optimizer.param_groups[0].update(lr=0.01)


@case
def _method_above() -> Any:
    table = {"scale": 2.0}

    class Base(nn.Module):
        def encode(self, x: Any) -> Any:
            return x * table["scale"]

    class Net(Base):
        def encode(self, x: Any) -> Any:
            return x

        def forward(self, x: Any) -> Any:
            return super().encode(x)

    return Net(), lambda: table.update(scale=5.0)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _called(make: Callable[[], Any], compile: bool) -> list[Any]:
    rl.manual_seed(0)
    random.seed(0)
    function, change = make()
    function = rl.compile(function) if compile else function
    found = []
    for i in range(CALLS):
        if i == CHANGE:
            change()
        with rl.no_grad():
            found.append(function(rl.tensor([1.0, 2.0, 3.0])).numpy().tobytes())
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_not_missed(name: str) -> None:
    assert _called(CASES[name], True) == _called(CASES[name], False)


def test_files_are_read_at_each_call(tmp_path: Any) -> None:
    path = tmp_path / "scale.npy"
    call = rl.compile(lambda x: x * float(np.load(path)[0]))
    for i in range(5):
        np.save(path, np.array([float(i)]))
        assert call(rl.ones(1)).item() == i


def test_arguments_that_lie_in_what_is_written() -> None:
    results = []
    for compile in (False, True):
        rl.manual_seed(0)
        net, norm = nn.Linear(3, 3, bias=False), nn.BatchNorm1d(3)
        optimizer = optim.SGD(net.parameters(), lr=0.1)

        def step(x: Any, net: Any = net, norm: Any = norm, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = norm(net(rl.ones(4, 3))).sum() + net(x).sum()
            loss.backward()
            optimizer.step()
            return x * 2.0

        call = rl.compile(step) if compile else step
        given = [rl.ones(3) for _ in range(5)] + [net.weight.detach()[0], norm.running_mean] * 2
        results.append([call(x).tolist() for x in given])
    assert results[0] == results[1]


def test_a_group_added_to_an_optimizer() -> None:
    net, other = nn.Linear(3, 3), nn.Linear(3, 3)
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @rl.compile
    def gradients(x: Any) -> Any:
        optimizer.zero_grad()
        loss = net(x).sum()
        loss.backward()
        return loss

    for i in range(6):
        if i == 4:
            optimizer.add_param_group({"params": list(other.parameters())})
        other.weight.grad = rl.ones(3, 3)
        gradients(rl.ones(2, 3))
        assert (other.weight.grad is None) is (i >= 4)


def test_attributes_that_are_set_are_the_models() -> None:
    net = _fresh(nn.Module, forward=lambda self, x: x * self.scale)
    net.scale = 2.0
    call = rl.compile(net)
    for i in range(6):
        call.scale = 2.0 + i // 4
        assert call(rl.ones(1)).item() == net.scale == 2.0 + i // 4


def test_results_are_new_or_views_as_without_a_plan() -> None:
    makes = rl.compile(lambda x: [x * 2.0, {1}])
    found = [makes(rl.ones(1))[1] for _ in range(5)]
    assert len(set(map(id, found))) == 5
    views = rl.compile(lambda x: x.t())
    for _ in range(4):
        x = rl.zeros(2, 3)
        y = views(x)
        x.add_(1.0)
        assert y.tolist() == [[1.0] * 2] * 3


@pytest.mark.filterwarnings("ignore:compile")
def test_results_that_share_memory_do_so_in_the_call_that_is_recorded() -> None:
    def function(x: Any) -> Any:
        y = x * 2.0
        return y, y.t(), y[1], y

    call = rl.compile(function)
    for _ in range(4):
        first, turned, row, same = call(rl.ones(2, 3))
        first.add_(1.0)
        assert same is first
        assert turned.tolist() == [[3.0] * 2] * 3 and row.tolist() == [3.0] * 3
    assert call.reasons == ["results that share memory"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 2.0)[None],
        lambda x: (x * 2.0)[..., None],
        lambda x: (x * 2.0)[:1].T,
        lambda x: (x * 2.0)[:, None].permute(2, 1, 0),
        lambda x: (x * 2.0)[:, 1:],
        lambda x: (x * 2.0)[::2],
        lambda x: (x * 2.0).flip(0),
        lambda x: (x * 2.0)[:1, :].expand(128, 128),
        lambda x: (x * 2.0).unfold(0, 2, 1),
        lambda x: rl.nn.functional.conv2d(x[None, None], rl.ones(1, 1, 3, 3)),
    ],
)
def test_large_results_of_every_layout(function: Any) -> None:
    call = rl.compile(function)
    for i in range(4):
        x = rl.arange(128 * 128).reshape(128, 128) + float(i)
        assert rl.equal(call(x), function(x))
    assert not call.reasons


@pytest.mark.parametrize(
    "parts", [lambda y: (y[0, 0], y[0, 1]), lambda y: tuple(y.chunk(2)), lambda y: (y[2:], y[1])]
)
def test_results_that_lie_in_one_array_side_by_side(parts: Any) -> None:
    call = rl.compile(lambda x: parts(x * 2.0))
    held: list[Any] = []
    for i in range(4):
        x = rl.arange(12).reshape(4, 3) + float(i)
        found, right = call(x), parts(x * 2.0)
        held.append((found, right))
        found[0].add_(1.0)
        right[0].add_(1.0)
    assert all(rl.equal(a, b) for pair in held for a, b in zip(*pair, strict=True))
    assert not call.reasons


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("key", [(0, 1), (0, 1, ...), (..., 0, 1)])
def test_an_element_shares_memory_with_what_it_was_taken_from(key: Any) -> None:
    def function(x: Any) -> Any:
        y = x * 2.0
        return y, y[key], y[0][1]

    call, part = rl.compile(function), rl.compile(lambda x: x[key])
    for _ in range(4):
        x = rl.ones(2, 3)
        whole, element, other = call(x)
        whole.add_(1.0)
        assert element.item() == other.item() == 3.0
        element, _ = part(x), x.add_(1.0)
        assert element.item() == 2.0
    assert call.reasons == ["results that share memory"]


@pytest.mark.filterwarnings("ignore:compile")
def test_what_is_computed_of_a_loss_after_its_backward_pass_is_as_without_a_plan() -> None:
    net, share = nn.Linear(6, 3), nn.Parameter(rl.ones(1))

    def function(x: Any, y: Any) -> Any:
        net.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        return loss * share, loss

    call = rl.compile(function)
    for x, y in batches(4):
        found, loss = call(x, y)
        assert rl.autograd.grad(found, share)[0].item() == loss.item()
    assert call.reasons == ["a result whose gradient may still be asked for"]


def test_methods_given_to_an_optimizer_are_called() -> None:
    net, called = nn.Linear(3, 3), []
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @rl.compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = net(x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(8):
        if i == 5:
            optimizer.step = lambda closure=None: called.append(1)  # type: ignore[method-assign]
        step(rl.ones(2, 3))
    assert len(called) == 3


def test_objects_of_classes_are_no_reason_to_refuse() -> None:
    @dataclass
    class Options:
        scale: float = 2.0

    class Net(nn.Module):
        gain = 1.5

        def __init__(self) -> None:
            super().__init__()
            self.options = Options()

        @property
        def width(self) -> float:
            return self.options.scale * self.__class__.gain

        def forward(self, x: Any) -> Any:
            return x * self.options.scale / self.width

    net = Net()
    call = rl.compile(net, fullgraph=True)
    for i in range(12):
        net.options.scale = 2.0 + i // 4
        Net.gain = 1.5 + i // 6
        assert call(rl.ones(3)).tolist() == net(rl.ones(3)).tolist()
    assert 3 <= call.recordings <= 4


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, _pickled])
def test_a_copy_makes_plans_of_its_own(copied: Any) -> None:
    model: Any = rl.compile(nn.Linear(6, 3), fullgraph=True)
    (x, _), *_ = batches(1)
    with rl.no_grad():
        for _ in range(4):
            first = bits(model(x))
        other = copied(model)
        assert other.fullgraph and other.recordings == 0
        assert (other.function is model.function) is (copied is copy.copy)
        other.weight.fill_(0.5)
        for _ in range(4):
            assert bits(other(x)) == bits(other.function(x))
            assert bits(model(x)) == bits(model.function(x))
    assert (bits(model(x)) == first) is (copied is not copy.copy)


def test_a_forward_that_is_set_on_a_class_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    x, factors = rl.randn(4, 3), [2.0, 3.0]
    functions = [rl.compile(model), rl.compile(lambda x: model(x))]

    def agree() -> None:
        for _ in range(4):
            expected = model(x).numpy().tobytes()
            assert all(f(x).numpy().tobytes() == expected for f in functions)

    with rl.no_grad():
        agree()
        with monkeypatch.context() as patch:
            patch.setattr(nn.ReLU, "forward", lambda self, x: x * factors[0])
            agree()
            factors.reverse()
            agree()
        agree()
    assert not any(f.reasons for f in functions)


FACTOR = 2.0


class _Above(nn.Module):
    @property
    def factor(self) -> float:
        return FACTOR


class _Below(_Above):
    @property
    def factor(self) -> float:
        return super().factor

    def forward(self, x: Any) -> Any:
        return x * self.factor


def test_what_a_property_above_reads_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    net = _Below()
    call = rl.compile(net)
    with rl.no_grad():
        for _ in range(4):
            assert call(rl.ones(1)).item() == 2.0
        monkeypatch.setattr(sys.modules[__name__], "FACTOR", 5.0)
        assert call(rl.ones(1)).item() == 5.0
