"""Module: registration, walks, state dicts, modes, hooks, errors."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


class Scale(nn.Module):
    def __init__(self, n: int = 3) -> None:
        super().__init__()
        self.w = nn.Parameter(rl.ones(n))
        self.register_buffer("seen", rl.zeros(n))
        self.cache = nn.Buffer(rl.zeros(n), persistent=False)

    def forward(self, x: Any) -> Any:
        return x * self.w

    def extra_repr(self) -> str:
        return f"n={self.w.shape[0]}"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = Scale()
        self.b = nn.Sequential(Scale(), nn.Sequential(nn.Linear(3, 2)))

    def forward(self, x: Any) -> Any:
        return self.b(self.a(x))


# ---- parameters and buffers


def test_parameter_is_a_leaf_that_shares_memory() -> None:
    x = rl.ones(2)
    with rl.no_grad():
        p = nn.Parameter(x)
    assert p.requires_grad and p.is_leaf and isinstance(p, rl.Tensor)
    x[0] = 5.0
    assert p.tolist() == [5.0, 1.0]
    assert type(p + 1) is type(p.detach()) is type(p.data) is rl.Tensor
    assert nn.Parameter(p * 2).is_leaf and not nn.Parameter(x, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    with pytest.raises(TypeError, match="expected a Tensor"):
        nn.Parameter([1.0])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="floating"):
        nn.Parameter(rl.tensor([1]))
    assert repr(nn.Parameter(rl.ones(1))) == (
        "Parameter containing:\ntensor([1.], requires_grad=True)"
    )


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_keep_class_and_flags(clone: Any) -> None:
    p = clone(nn.Parameter(rl.ones(2), requires_grad=False))
    assert type(p) is nn.Parameter and not p.requires_grad
    b = clone(nn.Buffer(rl.ones(2), persistent=False))
    assert type(b) is nn.Buffer and not b.persistent and b.tolist() == [1.0, 1.0]
    net = Net()
    net.b[0].w = net.a.w
    other = clone(net)
    assert other.b[0].w is other.a.w is not net.a.w
    assert "cache" in other.a._non_persistent_buffers_set


def test_deep_copy_of_a_parameter_leaves_the_gradient() -> None:
    p = nn.Parameter(rl.ones(2))
    p.sum().backward()
    assert copy.deepcopy(p).grad is None


# ---- registration


def test_attributes_are_sorted_by_type() -> None:
    m = Scale()
    assert list(m._parameters) == ["w"] and list(m._buffers) == ["seen", "cache"]
    m.plain = rl.ones(1)
    assert "plain" not in m._buffers and "plain" in m.__dict__
    m.seen = rl.ones(3)
    assert m._buffers["seen"].tolist() == [1.0] * 3
    m.w = None
    assert m.w is None and "w" in m._parameters and not list(m.parameters())
    m.w = nn.Parameter(rl.zeros(2))
    m.plain = nn.Linear(1, 1)
    assert "plain" in m._modules and "plain" not in m.__dict__
    m.plain = nn.Parameter(rl.zeros(1))
    assert "plain" not in m._modules and "plain" in m._parameters
    del m.plain, m.seen, m.cache
    assert not hasattr(m, "plain") and not m._buffers and not m._non_persistent_buffers_set
    assert {"w", "training", "forward"} <= set(dir(m))


@pytest.mark.parametrize(
    ("do", "error", "match"),
    [
        (lambda m: setattr(m, "w", rl.ones(3)), TypeError, "expected a Parameter or None"),
        (lambda m: setattr(m, "child", 3), TypeError, "expected a Module or None"),
        (lambda m: setattr(m, "seen", 3), TypeError, "expected a Tensor or None"),
        (
            lambda m: m.register_parameter("a.b", None),
            KeyError,
            "must not be empty or contain a dot",
        ),
        (lambda m: m.register_buffer("", None), KeyError, "must not be empty or contain a dot"),
        (lambda m: m.register_buffer("forward", None), KeyError, "already exists"),
        (lambda m: m.register_module("w", nn.ReLU()), KeyError, "already exists"),
        (lambda m: m.register_module(3, nn.ReLU()), TypeError, "should be a string"),
        (lambda m: m.add_module("x", 3), TypeError, "int is not a Module"),
        (lambda m: m.register_parameter("x", rl.ones(1)), TypeError, "expected a Parameter"),
        (lambda m: m.nothing, AttributeError, "'Scale' object has no attribute 'nothing'"),
        (lambda m: delattr(m, "nothing"), AttributeError, "nothing"),
        (lambda m: m.get_submodule("child.x"), AttributeError, "expected a child of Linear"),
        (lambda m: m.get_submodule("w"), AttributeError, "is not a Module"),
        (lambda m: m.get_parameter("child.x"), AttributeError, r"\['weight', 'bias'\]"),
        (lambda m: m.get_buffer("w"), AttributeError, r"\['seen', 'cache'\]"),
        (lambda m: m.set_submodule("w", nn.ReLU()), AttributeError, "is not a Module"),
        (lambda m: m.set_submodule("q", nn.ReLU(), True), AttributeError, "no child module"),
        (lambda m: m.train(1), ValueError, "expected a bool"),
        (lambda m: m.to(rl.int64), TypeError, "expected a floating dtype"),
        (lambda m: m.to("cuda"), NotImplementedError, "expected 'cpu'"),
    ],
)
def test_errors(do: Any, error: type[Exception], match: str) -> None:
    m = Scale()
    m.child = nn.Linear(1, 1)
    with pytest.raises(error, match=match):
        do(m)


@pytest.mark.parametrize(
    "value", [nn.Parameter(rl.ones(1)), nn.ReLU(), nn.Buffer(rl.ones(1))], ids=repr
)
def test_members_before_init_are_a_named_error(value: Any) -> None:
    class Bad(nn.Module):
        def __init__(self) -> None:
            self.x = value
            super().__init__()

    with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\) first in Bad"):
        Bad()

    class Worse(nn.Module):
        def __init__(self) -> None:
            self.n = 3

    with pytest.raises(AttributeError, match=r"no attribute '_parameters': call super"):
        list(Worse().parameters())


def test_plain_containers_of_modules_warn_and_name_the_right_one() -> None:
    m = nn.Module()
    with pytest.warns(UserWarning, match=r"plain list that holds Modules.*nn.ModuleList"):
        m.layers = [nn.ReLU()]
    with pytest.warns(UserWarning, match=r"plain dict .*nn.ModuleDict"):
        m.named = {"a": nn.ReLU()}
    with pytest.warns(UserWarning, match=r"plain tuple that holds Parameters.*nn.ParameterList"):
        m.weights = (nn.Parameter(rl.ones(1)),)
    m.child = nn.ReLU()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m.order = [m.child, m.child]  # registered already: nothing is lost
        m.sizes = [1, 2, 3]


# ---- walks


def test_walks_in_torch_order_without_duplicates() -> None:
    net = Net()
    net.again = net.a
    assert [n for n, _ in net.named_modules()] == ["", "a", "b", "b.0", "b.1", "b.1.0"]
    assert [n for n, _ in net.named_children()] == ["a", "b"]
    assert len(list(net.modules())) == 6 and len(list(net.children())) == 2
    assert [n for n, _ in net.named_modules(remove_duplicate=False)][-1] == "again"
    assert [n for n, _ in net.named_parameters()] == [
        "a.w",
        "b.0.w",
        "b.1.0.weight",
        "b.1.0.bias",
    ]
    assert [n for n, _ in net.named_parameters("x", recurse=False)] == []
    assert [n for n, _ in net.a.named_parameters("x")] == ["x.w"]
    assert "again.w" in dict(net.named_parameters(remove_duplicate=False))
    assert len(list(net.buffers())) == 4 and len(list(net.a.buffers(recurse=False))) == 2
    assert [n for n, _ in net.a.named_buffers()] == ["seen", "cache"]
    net.b[0].w = net.a.w
    assert [n for n, _ in net.named_parameters()] == ["a.w", "b.1.0.weight", "b.1.0.bias"]


def test_members_by_path() -> None:
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("b.1.0") is net.b[1][0]
    assert net.get_parameter("b.0.w") is net.b[0].w
    assert net.get_buffer("a.seen") is net.a.seen
    new = nn.ReLU()
    net.set_submodule("b.1", new)
    assert net.b[1] is new


# ---- state dicts


def test_state_dict_shares_memory_and_leaves_out_what_is_not_persistent() -> None:
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == ["a.w", "a.seen", "b.0.w", "b.0.seen", "b.1.0.weight", "b.1.0.bias"]
    assert type(state["a.w"]) is rl.Tensor and not state["a.w"].requires_grad
    state["a.w"][0] = 9.0
    assert net.a.w.tolist()[0] == 9.0
    assert net.state_dict(keep_vars=True)["a.w"] is net.a.w
    assert list(net.a.state_dict(prefix="p.")) == ["p.w", "p.seen"]


def test_load_copies_and_converts() -> None:
    net, weight = Net(), None
    weight = net.a.w
    state = {k: v.double() * 0 + 2 for k, v in net.state_dict().items()}
    found = net.load_state_dict(state)
    assert repr(found) == "<All keys matched successfully>"
    assert net.a.w is weight and net.a.w.dtype == rl.float32 and net.a.w.tolist() == [2.0] * 3


def test_load_assign_puts_tensors_in_place() -> None:
    net = Net()
    net.a.w.requires_grad_(False)
    state = {k: v.double() for k, v in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net.a.w.dtype == rl.float64 and type(net.a.w) is nn.Parameter
    assert not net.a.w.requires_grad and net.b[0].w.requires_grad
    assert net.a.seen is state["a.seen"]
    state["a.w"][0] = 7.0
    assert net.a.w.tolist()[0] == 7.0


def test_one_message_lists_all_that_is_wrong() -> None:
    net = Net()
    state: dict[str, Any] = dict(net.state_dict())
    del state["a.w"], state["b.1.0.bias"]
    state |= {"a.x": rl.ones(1), "zzz": rl.ones(1), "a.w.deep": rl.ones(1)}
    state |= {"b.0.w": rl.ones(4), "a.seen": [1.0]}
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    for part in (
        "load_state_dict of Net",
        "missing keys: 'a.w', 'b.1.0.bias'",
        "'a.x'",
        "'zzz'",
        "'a.w.deep'",
        "b.0.w: size mismatch: (4,) in the state dict, (3,) in the module",
        "a.seen: got list, expected a Tensor",
    ):
        assert part in text
    state |= {"b.0.w": rl.ones(3), "a.seen": rl.ones(3)}
    found = net.load_state_dict(state, strict=False)
    assert found.missing_keys == ["a.w", "b.1.0.bias"]
    assert sorted(found.unexpected_keys) == ["a.w.deep", "a.x", "zzz"]
    with pytest.raises(TypeError, match="expected a dict of Tensors"):
        net.load_state_dict([1])  # type: ignore[arg-type]


def test_extra_state() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n = 0

        def get_extra_state(self) -> Any:
            return {"n": self.n}

        def set_extra_state(self, state: Any) -> None:
            self.n = state["n"]

    a, b = nn.Sequential(Counter()), nn.Sequential(Counter())
    a[0].n = 5
    state = a.state_dict()
    assert state == {"0._extra_state": {"n": 5}}
    b.load_state_dict(state)
    assert b[0].n == 5
    with pytest.raises(RuntimeError, match=r"missing keys: '0._extra_state'"):
        b.load_state_dict({})
    with pytest.raises(RuntimeError, match=r"unexpected keys: '0._extra_state'"):
        nn.Sequential(nn.ReLU()).load_state_dict(state)


def test_state_dict_hooks() -> None:
    m, log = Scale(), []
    m.register_state_dict_pre_hook(lambda module, prefix, keep: log.append((prefix, keep)))
    m.register_state_dict_post_hook(lambda module, state, prefix, meta: state.pop(prefix + "seen"))
    m.register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: state.update({prefix + "w": state.pop(prefix + "v")})
    )
    post = m.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    net = nn.Sequential(m)
    assert list(net.state_dict()) == ["0.w"] and log == [("0.", False)]
    net.load_state_dict({"0.v": rl.zeros(3)})
    assert m.w.tolist() == [0.0] * 3
    post.remove()
    with pytest.raises(RuntimeError, match=r"missing keys: '0.seen'"):
        net.load_state_dict({"0.v": rl.zeros(3)})


# ---- modes and conversion


def test_conversion_keeps_the_parameters_and_converts_gradients() -> None:
    m = Scale()
    m.register_buffer("count", rl.tensor([1]))
    weight = m.w
    m(rl.ones(3)).sum().backward()
    assert m.double() is m and m.w is weight
    assert m.w.dtype == m.seen.dtype == m.w.grad.dtype == rl.float64
    assert m.count.dtype == rl.int64
    assert m.half().w.dtype == rl.float16 and m.to(rl.ones(1)).w.dtype == rl.float32
    assert m.to("cpu", rl.float64).w.dtype == rl.float64 and m.cpu() is m
    assert m.to(dtype=rl.float32, non_blocking=True).w.dtype == rl.float32
    assert m.type(rl.float64).count.dtype == rl.float64


def test_zero_grad_and_requires_grad() -> None:
    m = Scale()
    m(rl.ones(3)).sum().backward()
    m.zero_grad(set_to_none=False)
    assert m.w.grad.tolist() == [0.0] * 3
    m.zero_grad()
    assert m.w.grad is None
    assert m.requires_grad_(False) is m and not m.w.requires_grad


def test_apply_visits_children_first() -> None:
    seen: list[str] = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Scale", "Scale", "Linear", "Sequential", "Sequential", "Net"]


def test_repr_nests() -> None:
    assert repr(Net()) == (
        "Net(\n  (a): Scale(n=3)\n  (b): Sequential(\n    (0): Scale(n=3)\n"
        "    (1): Sequential(\n      (0): Linear(in_features=3, out_features=2, bias=True)\n"
        "    )\n  )\n)"
    )


# ---- the call


def test_forward_is_required() -> None:
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def _notes(module: Any, *args: Any) -> list[str]:
    with pytest.raises(Exception) as caught:
        module(*args)
    return getattr(caught.value, "__notes__", [])


def test_errors_name_the_module_and_its_path() -> None:
    linear = "Linear(in_features=3, out_features=2, bias=True)"
    assert _notes(nn.Linear(3, 2), rl.ones(1, 4)) == [f"in module {linear}"]
    model = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.Linear(3, 2))
    assert _notes(model, rl.ones(1, 4)) == [f"in module Sequential[2] {linear}"]

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, x: Any) -> Any:
            return self.net.b[1](x)

    assert _notes(Outer(), rl.ones(1, 4)) == [f"in module Outer.net.b[1][0] {linear}"]

    class Hidden(nn.Module):
        def forward(self, x: Any) -> Any:
            return nn.Linear(3, 2)(x)

    assert _notes(Hidden(), rl.ones(1, 4)) == [f"in module Hidden > Linear {linear}"]


def test_errors_of_users_pass_through_whole() -> None:
    class Stubborn(Exception):
        def __setattr__(self, name: str, value: Any) -> None:
            raise TypeError("frozen")

    class Raises(nn.Module):
        def forward(self) -> None:
            raise Stubborn("mine")

    with pytest.raises(Stubborn, match="mine"):
        Raises()()


def test_warnings_of_numpy_stay_off_in_a_module_only() -> None:
    class Log(nn.Module):
        def forward(self, x: Any) -> Any:
            return np.log(x)

    assert Log()(np.zeros(1)) == -np.inf
    with pytest.warns(RuntimeWarning):
        np.log(np.zeros(1))


# ---- hooks


def test_forward_hooks() -> None:
    m, log = Scale(), []
    pre = m.register_forward_pre_hook(lambda mod, args: (args[0] * 2,))
    post = m.register_forward_hook(lambda mod, args, out: out + 1)
    m.register_forward_hook(lambda mod, args, out: log.append(out.tolist()), prepend=True)
    assert m(rl.ones(3)).tolist() == [3.0] * 3 and log == [[2.0] * 3]
    pre.remove()
    post.remove()
    assert m(rl.ones(3)).tolist() == [1.0] * 3
    with pytest.raises(NotImplementedError, match="always_call"):
        m.register_forward_hook(print, always_call=True)


@pytest.mark.parametrize("copied", [None, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_module_whose_last_hook_is_gone_is_as_without(copied: Any) -> None:
    m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    m.handles = [  # type: ignore[assignment]
        m[0].register_forward_pre_hook(_nothing),
        m[0].register_full_backward_hook(_nothing),
    ]
    if copied is not None:
        m, other = copied(m), m
        m[0].register_forward_hook(_nothing).remove()
        assert other[0]._call_hooks is not None
    first, last = m.handles
    first.remove()
    first.remove()
    m(rl.ones(1, 2))
    assert m[0]._call_hooks is not None
    last.remove()
    assert m[0]._call_hooks is None
    y = [m(rl.ones(1, 2)) for _ in range(3)][-1]
    assert y.grad_fn.op.name == "chain"
    again = m[0].register_forward_hook(_nothing)
    first.remove()
    assert m[0]._call_hooks is not None
    assert m(rl.ones(1, 2)).grad_fn.op.name != "chain"
    del m
    again.remove()  # of a module that is no more
    alone = pickle.loads(pickle.dumps(again))
    alone.remove()


def _nothing(*args: Any) -> None:
    pass


def test_forward_hooks_with_kwargs() -> None:
    m = Scale()
    m.register_forward_pre_hook(lambda mod, args, kw: (args, {"x": kw["x"] * 3}), with_kwargs=True)
    m.register_forward_hook(lambda mod, args, kw, out: out + kw["x"], with_kwargs=True)
    assert m(x=rl.ones(3)).tolist() == [6.0] * 3
    m.register_forward_pre_hook(lambda mod, args, kw: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="None or \\(args, kwargs\\), got int"):
        m(x=rl.ones(3))


class Two(nn.Module):
    def forward(self, x: Any, y: Any, flag: bool = True) -> Any:
        return x * 2, x * y


def _hooked(lib: Any, base: type[Any], log: list[Any]) -> Any:
    """Run a module of two inputs and outputs under both backward hooks."""

    class Pair(base):  # type: ignore[misc]
        def forward(self, x: Any, y: Any, flag: bool = True) -> Any:
            return x * 2, x * y

    def numbers(grads: Any) -> Any:
        return tuple(None if g is None else g.tolist() for g in grads)

    m = Pair()
    m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 10, go[1]))
    m.register_full_backward_hook(lambda mod, gi, go: log.append((numbers(gi), numbers(go))))
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0] + 1, *gi[1:]))
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = lib.tensor([3.0, 4.0])
    a, b = m(x, y, True)
    (a + b).sum().backward()
    log.append(x.grad.tolist())
    (z,) = m(lib.tensor([5.0], requires_grad=True) * 1, lib.tensor([1.0]))[:1]
    z.sum().backward()
    return log


def test_backward_hooks_see_what_torchs_see() -> None:
    torch = pytest.importorskip("torch")
    ours: list[Any] = []
    theirs: list[Any] = []
    _hooked(rl, nn.Module, ours)
    _hooked(torch, torch.nn.Module, theirs)
    assert ours[:2] == theirs[:2]
    assert ours[0] == (([23.0, 24.0], [0.0, 0.0], None), ([10.0, 10.0], [1.0, 1.0]))
    assert ours[1] == [24.0, 25.0]
    assert ours[2][0] == theirs[2][0]


def test_backward_hook_without_input_gradient() -> None:
    m, log = Scale(), []
    handle = m.register_full_backward_hook(lambda mod, gi, go: log.append((gi, go[0].tolist())))
    m(rl.ones(3)).sum().backward()
    assert log == [((None,), [1.0] * 3)]
    handle.remove()
    m(rl.ones(3)).sum().backward()
    with rl.no_grad():
        m(rl.ones(3))
    assert len(log) == 1 and m.w.grad.tolist() == [2.0] * 3


def test_backward_hooks_refuse_the_wrong_number() -> None:
    m = Scale()
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="returned 2 gradients, expected 1"):
        m(rl.ones(3, requires_grad=True)).sum().backward()

    class Text(nn.Module):
        def forward(self, x: Any) -> str:
            return "no tensor"

    t = Text()
    t.register_full_backward_hook(lambda *args: None)
    with pytest.warns(UserWarning, match="got str"):
        t(rl.ones(1))


def _second_order(lib: Any, module: Any) -> Any:
    module.register_full_backward_hook(lambda mod, gi, go: (gi[0] * gi[0],))
    x = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (g,) = lib.autograd.grad((module(x) ** 3).sum(), x, create_graph=True)
    (h,) = lib.autograd.grad(g.sum(), x)
    return g.tolist(), h.tolist()


def test_hooks_are_in_the_graph_of_the_gradient() -> None:
    torch = pytest.importorskip("torch")
    ours = _second_order(rl, nn.Identity())
    assert ours == _second_order(torch, torch.nn.Identity())
    assert ours[0] == [9.0, 144.0, 729.0]


def test_a_hook_that_comes_when_the_last_goes_is_called() -> None:
    net, seen = nn.Linear(2, 2), []

    def before(module: Any, args: Any) -> None:
        handle.remove()
        module.register_forward_hook(lambda *_: seen.append(1))

    handle = net.register_forward_pre_hook(before)
    net(rl.ones(1, 2))
    assert seen == [1]
