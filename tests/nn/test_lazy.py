"""Lazy modules: what they are before their first call, and how they become ordinary ones."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from tests.nn.samples_lazy import LAZY, called

import rushlight as rl
from rushlight import nn
from rushlight.nn import rows
from rushlight.nn.lazy import LazyModuleMixin
from rushlight.nn.parameter import is_lazy

IDS = [f"{case[0]}-{i}" for i, case in enumerate(LAZY)]
every = pytest.mark.parametrize("case", LAZY, ids=IDS)


def _make(case: Any, lib: Any = rl) -> Any:
    name, _, args, options = case
    return getattr(lib.nn, name)(*args, **options)


def _arrays(module: Any) -> list[Any]:
    return [value.numpy() for value in module.state_dict().values()]


def _same(a: Any, b: Any) -> None:
    assert type(a) is type(b) and repr(a) == repr(b)
    for x, y in zip(_arrays(a), _arrays(b), strict=True):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes()


def test_every_lazy_module_is_here() -> None:
    found = {getattr(nn, name) for name in nn.__all__ if name.startswith("Lazy")}
    assert {type(_make(case)) for case in LAZY} == found


# ---- before the first call


@every
def test_before_the_first_call_it_is_as_torchs(case: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = _make(case), _make(case, torch)
    assert repr(ours) == repr(theirs)
    for kind in ("parameters", "buffers"):
        mine = [(n, type(p).__name__) for n, p in getattr(ours, f"named_{kind}")()]
        assert mine == [(n, type(p).__name__) for n, p in getattr(theirs, f"named_{kind}")()]
    assert ours.has_uninitialized_params() == theirs.has_uninitialized_params()
    for keep in (False, True):
        mine, other = ours.state_dict(keep_vars=keep), theirs.state_dict(keep_vars=keep)
        assert list(map(repr, mine.values())) == list(map(repr, other.values()))
    for name, value in theirs.__dict__.items():
        if not name.startswith("_"):
            assert getattr(ours, name) == value, name


@every
def test_the_first_call_makes_the_ordinary_module(case: Any) -> None:
    torch = pytest.importorskip("torch")
    ours = _make(case)
    rl.manual_seed(3)
    x = rl.rand(case[1])
    rl.manual_seed(4)
    y = ours(x)
    theirs = called(torch, *case)
    assert repr(ours) == repr(theirs) and type(ours).__name__ == type(theirs).__name__
    assert type(ours) is getattr(nn, case[0].removeprefix("Lazy"))
    assert not any(map(is_lazy, [*ours.parameters(), *ours.buffers()]))
    assert ours._call_hooks is None and not hasattr(ours, "_initialize_hook")
    assert not ours._hooks_of("before load")
    eager = type(ours)(*_sizes(ours), **_options(ours))
    rl.manual_seed(4)  # the same numbers are drawn as by a module that was made with its sizes
    eager.reset_parameters()
    assert rl.equal(eager(x), y)


def _sizes(module: Any) -> list[int]:
    pairs = [("in_features", "out_features"), ("in_channels", "out_channels"), ("num_features",)]
    return [getattr(module, name) for pair in pairs for name in pair if hasattr(module, name)]


def _options(module: Any) -> dict[str, Any]:
    names = [
        *("kernel_size", "stride", "padding", "output_padding", "dilation", "groups"),
        *("padding_mode", "eps", "momentum", "affine", "track_running_stats"),
    ]
    found = {name: getattr(module, name) for name in names if hasattr(module, name)}
    if not getattr(module, "transposed", True):
        del found["output_padding"]
    return {**found, "bias": module.bias is not None}


@every
def test_copies_and_pickles_of_what_was_not_called(case: Any) -> None:
    module = _make(case).double()
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        x = rl.rand(case[1], dtype="float64")
        assert repr(other) == repr(module)
        other(x)
        assert {v.dtype for v in other.state_dict().values()} <= {rl.float64, rl.int64}
        assert not isinstance(other, LazyModuleMixin)
    assert isinstance(module, LazyModuleMixin)
    rl.manual_seed(0)
    again = copy.deepcopy(module)
    again(x)
    rl.manual_seed(0)
    module(x)
    _same(again, module)


# ---- state dicts


@every
def test_a_loaded_state_gives_the_shapes(case: Any) -> None:
    source, module = called(rl, *case), _make(case)
    if not source.state_dict():
        pytest.skip("it has no state")
    found = module.load_state_dict(source.state_dict())
    assert not found.missing_keys and not module.has_uninitialized_params()
    assert type(module).__name__ == case[0]
    x = rl.rand(case[1])
    assert rl.equal(module(x), source(x))
    _same(module, source)


@every
def test_a_state_without_shapes(case: Any) -> None:
    module, state = _make(case), _make(case).state_dict()
    found = module.load_state_dict(state)
    assert not found.missing_keys and not found.unexpected_keys
    if module.has_uninitialized_params():
        with pytest.raises(RuntimeError, match="expected the state of a module that was called"):
            called(rl, *case).load_state_dict(state)
    module(rl.rand(case[1]))
    assert not isinstance(module, LazyModuleMixin)


def test_a_part_of_the_state_is_refused() -> None:
    for layer, x, name in (
        (nn.LazyLinear(3), rl.ones(1, 2), "weight"),
        (nn.LazyConv1d(3, 1), rl.ones(1, 2, 3), "weight"),
        (nn.LazyBatchNorm1d(), rl.ones(3, 2), "running_mean"),
    ):
        whole = copy.deepcopy(layer)
        whole(x)
        layer._lazy_load_hook(layer, {name: whole.state_dict()[name]}, "")
        with pytest.raises(RuntimeError, match=f"a loaded {name}, but not the rest"):
            layer(x)


def test_an_input_that_the_loaded_weight_does_not_take() -> None:
    layer = nn.LazyLinear(3)
    layer.load_state_dict(nn.Linear(4, 3).state_dict())
    with pytest.raises(AssertionError, match=r"input \(1, 5\), expected 4 in the last dim"):
        layer(rl.ones(1, 5))


# ---- in a net


def test_a_net_becomes_a_chain() -> None:
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten())
    net.append(nn.LazyLinear(2))
    assert not rows.linkable(net[0])
    x = rl.rand(3, 2, 5, 5)
    net(x)
    assert all(map(rows.linkable, net))
    net.eval()
    y = x
    for layer in net:
        y = layer(y)
    for _ in range(3):
        assert rl.equal(net(x), y)
    assert "Linear(in_features=36, out_features=2, bias=True)" in repr(net)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_an_optimizer_made_before_the_first_call(name: str) -> None:
    rl.manual_seed(0)
    early, late = nn.LazyLinear(2), nn.LazyLinear(2)
    x = rl.rand(4, 3)
    first = getattr(rl.optim, name)(early.parameters(), lr=0.1)
    first.zero_grad()
    first.step()  # nothing has a gradient
    rl.manual_seed(1)
    early(x)
    rl.manual_seed(1)
    late(x)
    second = getattr(rl.optim, name)(late.parameters(), lr=0.1)
    for _ in range(2):
        for layer, optimizer in ((early, first), (late, second)):
            optimizer.zero_grad()
            layer(x).square().sum().backward()
            optimizer.step()
    _same(early, late)


def test_what_a_net_does_to_all_its_parameters() -> None:
    net = nn.Sequential(nn.LazyConv1d(4, 3), nn.Linear(3, 2))
    net.zero_grad()
    net.zero_grad(set_to_none=False)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    assert net.double()[0].weight.dtype == rl.float64
    for call in (net.requires_grad_, lambda: nn.utils.parameters_to_vector(net.parameters())):
        with pytest.raises(ValueError, match="call the lazy module once"):
            call()
    with pytest.raises(ValueError, match="call the lazy module once"):
        rl.save(net.state_dict(), "never.pt")


def test_modules_of_ones_own() -> None:
    class Bad(LazyModuleMixin, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.UninitializedParameter()
            self.mean = nn.UninitializedBuffer(persistent=False)

        def forward(self, x: Any) -> Any:
            return x * self.weight + self.mean

    class Half(Bad):
        def initialize_parameters(self, x: Any) -> None:
            self.weight.materialize(x.shape)

    class Good(Half):
        def initialize_parameters(self, x: Any) -> None:
            super().initialize_parameters(x)
            self.mean.materialize(x.shape[-1])
            nn.init.ones_(self.weight)
            self.mean.zero_()

    with pytest.raises(NotImplementedError, match="Bad must define initialize_parameters"):
        Bad()(rl.ones(2))
    with pytest.raises(RuntimeError, match=r"uninitialized \['mean'\] after"):
        Half()(rl.ones(2))
    good = Good()
    calls: list[Any] = []
    good.register_forward_pre_hook(lambda module, args: calls.append(type(module.weight)))
    assert good(rl.ones(2)).tolist() == good(rl.ones(2)).tolist() == [1, 1]
    assert type(good) is Good and calls == [nn.Parameter, nn.Parameter]  # the user's hook stays
    assert list(good.state_dict()) == ["weight"]


def test_errors_of_the_first_call() -> None:
    for layer, x, error, match in (
        (nn.LazyConv2d(4, 3, groups=2), rl.ones(1, 3, 4, 4), ValueError, "in_channels=3 with gro"),
        (nn.LazyConv2d(3, 3, groups=2), rl.ones(1, 4, 4, 4), ValueError, "out_channels=3 with gr"),
        (nn.LazyConvTranspose1d(4, 3), rl.ones(3), RuntimeError, r"3 dims \(N, C, \*S\), or 2"),
        (nn.LazyBatchNorm1d(), rl.ones(3), IndexError, "channels in dim 1"),
        (nn.LazyBatchNorm2d(), rl.ones(3, 4), ValueError, "BatchNorm2d"),
    ):
        with pytest.raises(error, match=match):
            layer(x)


# ---- uninitialized tensors


USES = {
    "shape": RuntimeError,
    "ndim": ValueError,
    "size()": RuntimeError,
    "numel()": ValueError,
    "detach()": ValueError,
    "clone()": ValueError,
    "zero_()": ValueError,
    "numpy()": ValueError,
    "tolist()": ValueError,
    "requires_grad_(False)": ValueError,
    "__add__(1)": ValueError,
    "__eq__(1)": ValueError,
    "__len__()": ValueError,
    "__format__('')": ValueError,
    "register_hook(print)": ValueError,
}


@pytest.mark.parametrize("kind", [nn.UninitializedParameter, nn.UninitializedBuffer])
@pytest.mark.parametrize("use", USES)
def test_uses_are_refused(kind: Any, use: str) -> None:
    with pytest.raises(USES[use], match="call the lazy module once, or materialize"):
        eval(f"tensor.{use}", {"tensor": kind(requires_grad=False)})


def test_functions_and_data_are_refused() -> None:
    weight = nn.UninitializedParameter()
    for call in (
        lambda: nn.functional.linear(rl.ones(2), weight),
        lambda: nn.init.ones_(weight),
        lambda: rl.add(rl.ones(2), weight),
    ):
        with pytest.raises(ValueError, match="UninitializedParameter: got a use of its values"):
            call()
    with pytest.raises(
        ValueError, match=r"got a tensor \(3,\), expected none yet; use materialize"
    ):
        weight.data = rl.ones(3)
    with pytest.raises(ValueError, match="got a gradient"):
        weight.grad = rl.ones(0)
    with pytest.raises(RuntimeError, match="int64, expected a floating dtype"):
        nn.UninitializedParameter(dtype="int64")
    with pytest.raises(RuntimeError):
        nn.UninitializedBuffer(device="cuda")
    assert nn.UninitializedParameter(False, dtype="int64").dtype == rl.int64


@pytest.mark.parametrize("kind", [nn.UninitializedParameter, nn.UninitializedBuffer])
def test_uninitialized_tensors_keep_what_they_have(kind: Any) -> None:
    tensor = kind(True, dtype="float64")
    assert is_lazy(tensor) and repr(tensor) == f"<{kind.__name__}>"
    assert tensor.dtype == tensor.data.dtype == rl.float64 and tensor.is_floating_point()
    assert tensor.is_leaf and tensor.grad is None and tensor in [tensor]
    assert tensor.to("cpu") is tensor and tensor.half().dtype == rl.float16
    memo = [tensor]
    for other in (*copy.deepcopy(memo), *pickle.loads(pickle.dumps(memo)), tensor.double()):
        assert type(other) is kind and other.dtype == rl.float64 and other.requires_grad
    tensor.requires_grad = False
    tensor.materialize((2, 3))
    assert tensor.shape == (2, 3) and tensor.dtype == rl.float64 and not tensor.requires_grad
    assert type(tensor) is kind.cls_to_become and not is_lazy(tensor)
    assert copy.deepcopy(tensor).shape == (2, 3)
    other = kind()
    other.materialize(4, dtype=np.float16)
    assert other.shape == (4,) and other.dtype == rl.float16
    kept = nn.UninitializedBuffer(persistent=False)
    assert isinstance(kept, nn.Buffer) and not copy.deepcopy(kept.double()).persistent
