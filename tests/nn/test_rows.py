"""A Sequential runs its layers as one chain of ops: the same bits, and nobody can tell."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from tests.nn.modules import ModuleSample, collect

import rushlight as rl
from rushlight import nn
from rushlight.nn import rows
from rushlight.tape import chain


def _linked(sample: ModuleSample) -> bool:
    arrays = sample.inputs
    return (
        arrays is not None
        and len(arrays) == 1
        and isinstance(arrays[0], np.ndarray)
        and arrays[0].dtype.kind == "f"
        and rows.linkable(sample.make())
        and not getattr(sample.make(), "return_indices", False)
    )


SAMPLES = [sample for sample in collect() if _linked(sample)]
NAMES = [f"{type(sample.make()).__name__}-{i}" for i, sample in enumerate(SAMPLES)]


def test_most_layers_can_be_linked() -> None:
    kinds = {type(sample.make()) for sample in SAMPLES}
    assert {nn.Linear, nn.BatchNorm2d, nn.Conv2d, nn.MaxPool2d, nn.Dropout, nn.ReLU} <= kinds
    assert len(kinds) > 25


def _net(sample: ModuleSample) -> nn.Sequential:
    rl.manual_seed(0)
    net = nn.Sequential(nn.Tanh(), sample.make(), nn.Dropout(0.3), nn.Sigmoid())
    return net.double()


def _run(net: Any, x: Any, training: bool, one_by_one: bool, order: int = 1) -> list[Any]:
    """Run forward and backward three times; return all that came out, as arrays."""
    net.train(training)
    found: list[Any] = []
    for seed in range(3):
        rl.manual_seed(seed)
        net.zero_grad()
        leaf = rl.tensor(x, requires_grad=True)
        y = leaf
        if one_by_one:
            for layer in net:
                y = layer(y)
        else:
            y = net(leaf)
        weight = rl.tensor(np.random.default_rng(seed).standard_normal(y.shape))
        wanted = [leaf, *net.parameters()]
        loss = (y * y * weight).sum()
        grads = rl.autograd.grad(loss, wanted, create_graph=order == 2, allow_unused=True)
        found += [y, *grads, *net.buffers()]
        if order == 2:
            total = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
            if isinstance(total, rl.Tensor):
                found += rl.autograd.grad(total, wanted, allow_unused=True)
    return [None if t is None else t.detach().numpy().copy() for t in found]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_equal_to_one_by_one_to_the_bit(sample: ModuleSample, training: bool) -> None:
    single, net = _net(sample), _net(sample)
    x = np.asarray(sample.inputs[0], np.float64)  # type: ignore[index]
    expected = _run(single, x, training, one_by_one=True)
    got = _run(net, x, training, one_by_one=False)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_second_order_as_one_by_one(sample: ModuleSample) -> None:
    single, net = _net(sample), _net(sample)
    x = np.asarray(sample.inputs[0], np.float64)  # type: ignore[index]
    expected = _run(single, x, True, one_by_one=True, order=2)
    got = _run(net, x, True, one_by_one=False, order=2)
    for a, b in zip(got, expected, strict=True):
        if b is None:
            assert a is None
        else:
            np.testing.assert_allclose(a, b, 1e-9, 1e-12)


def _mlp() -> nn.Sequential:
    rl.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    return nn.Sequential(inner, nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))


def _chained(y: Any) -> bool:
    return y.grad_fn is not None and y.grad_fn.op.name == "chain"


def test_second_call_of_a_shape_is_one_node_nested_rows_included() -> None:
    net, x = _mlp(), rl.randn(3, 4)
    assert not _chained(net(x))
    assert _chained(net(x))
    assert not _chained(net(rl.randn(2, 4)))
    assert _chained(net(rl.randn(2, 4)))
    assert _chained(net(x))


def test_modes_and_attributes_are_followed() -> None:
    net, x = _mlp(), rl.randn(6, 4)
    for _ in range(2):
        net(x)
    net.eval()
    for _ in range(3):
        assert bool((net(x) == net(x)).all())
    net.train()
    net[2].p = 1.0
    for _ in range(3):
        assert bool((net(x) == net[3].bias).all())
    net[0][1].momentum = 0.0
    before = net[0][1].running_mean.clone()
    for _ in range(3):
        net(x)
    assert bool((net[0][1].running_mean == before).all())
    net.append(nn.Linear(2, 7))
    assert net(x).shape == net(x).shape == (6, 7)
    del net[4]
    assert net(x).shape == (6, 2)
    net[3] = nn.Linear(5, 9)
    assert net(x).shape == (6, 9)


def test_parameters_are_looked_up_at_each_call() -> None:
    net, x = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)), rl.ones(1, 2)
    for _ in range(2):
        net(x)
    net[0].weight = nn.Parameter(rl.zeros(2, 2))
    net[0].bias.data = rl.zeros(2)
    assert net(x).item() == net[2].bias.item()
    net[2].weight.data = rl.zeros(3, 2)
    net[2].bias.data = rl.ones(3)
    assert net(x).tolist() == [[1.0, 1.0, 1.0]]
    net.double()
    with pytest.raises(RuntimeError):
        net(x)
    assert net(x.double()).dtype == rl.float64


def test_hooks_are_called() -> None:
    net, x, seen = _mlp(), rl.randn(3, 4), []
    for _ in range(2):
        net(x)
    handle = net[1].register_forward_hook(lambda m, i, o: seen.append(o.shape))
    net(x)
    net(x)
    assert seen == [(3, 5)] * 2
    handle.remove()
    inner = net[0].register_forward_pre_hook(lambda m, i: seen.append("inner"))
    net(x)
    assert seen[-1] == "inner"
    inner.remove()


def test_another_forward_is_called() -> None:
    class Twice(nn.ReLU):
        def forward(self, input: Any) -> Any:
            return super().forward(input) * 2.0

    class Own(nn.Sequential):
        def forward(self, input: Any) -> Any:
            return super().forward(input) + 1.0

    net = nn.Sequential(nn.Identity(), Twice(), Own(nn.Identity(), nn.ReLU(), nn.ReLU()))
    for _ in range(3):
        assert net(rl.tensor([1.0, -1.0])).tolist() == [3.0, 1.0]
    plain = nn.ReLU()
    plain.forward = lambda x: x - 1.0  # type: ignore[method-assign,assignment]
    net = nn.Sequential(nn.ReLU(), plain)
    for _ in range(3):
        assert net(rl.tensor([1.0])).tolist() == [0.0]


@pytest.mark.parametrize("other", [lambda self, x: x * 7.0, nn.GELU.forward])
def test_another_forward_of_a_class_of_the_library_is_called(
    other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU()), rl.randn(2, 3)
    if other is nn.GELU.forward:
        net[1].approximate = "none"  # what that forward reads
    plain = _one_by_one(net, x).tolist()
    for _ in range(3):
        assert net(x).tolist() == plain
    with monkeypatch.context() as patch:
        patch.setattr(nn.ReLU, "forward", other)
        expected = _one_by_one(net, x).tolist()
        assert expected != plain
        for _ in range(3):
            assert net(x).tolist() == expected
    for _ in range(3):
        assert net(x).tolist() == plain


def test_frozen_parameters_and_inputs_that_need_a_gradient() -> None:
    net, x = _mlp().eval(), rl.randn(3, 4, requires_grad=True)
    net[0][0].requires_grad_(False)
    net[3].bias.requires_grad_(False)
    for _ in range(2):
        net.zero_grad()
        x.grad = None
        net(x).sum().backward()
        assert x.grad is not None
        assert net[0][0].weight.grad is None
        assert net[3].bias.grad is None
        assert net[3].weight.grad is not None
    net.requires_grad_(False)
    assert not net(x.detach()).requires_grad
    with rl.no_grad():
        assert not net(x).requires_grad


def test_writes_between_forward_and_backward() -> None:
    net, x = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1)), rl.ones(1, 2)
    net(x)
    y = net(x)
    with rl.no_grad():
        net[0].bias += 1.0  # no backward reads it
    y.sum().backward()
    y = net(x)
    with rl.no_grad():
        net[2].weight += 1.0
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()
    y = net(x)
    with rl.no_grad():
        net[0].bias += 1.0
    with pytest.raises(RuntimeError, match="modified or replaced"):
        rl.autograd.grad(y.sum(), net[0].weight, create_graph=True)
    ends = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid())
    ends(x)
    y = ends(x)
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_a_view_of_the_input_is_guarded() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh())
    x = rl.ones(2, 2, 2)
    net(x)
    y = net(x)
    x.zero_()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_second_pass_needs_retain_graph() -> None:
    net, x = _mlp(), rl.randn(3, 4)
    net(x)
    loss = net(x).sum()
    loss.backward(retain_graph=True)
    first = net[0][0].weight.grad.clone()
    loss.backward()
    assert bool((net[0][0].weight.grad == first * 2).all())
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_what_was_saved_is_freed_by_the_pass() -> None:
    net, x = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1)), rl.ones(1, 2)
    net(x)
    y = net(x)
    saved = weakref.ref(y.grad_fn.saved.constants.kept[1][0].outputs[0])
    y.sum().backward()
    gc.collect()
    assert saved() is None


def test_copies_and_pickles() -> None:
    net, x = _mlp().eval(), rl.randn(3, 4)
    for _ in range(2):
        expected = net(x)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net)):
        for _ in range(2):
            assert bool((other(x) == expected).all())
    other = copy.deepcopy(net)
    other[3].bias.data = rl.zeros(2)
    for _ in range(2):
        assert not bool((other(x) == expected).all())
        assert bool((net(x) == expected).all())


def test_many_shapes_do_not_pile_up() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU()).eval()
    for n in range(2 * rows.KINDS):
        net(rl.ones(n, 1))
    assert len(net._rows.known.parts[0].known[2]) <= rows.KINDS


def test_other_inputs_go_one_by_one() -> None:
    net = nn.Sequential(nn.ReLU(), nn.ReLU())
    for _ in range(3):
        assert net(rl.tensor([-1, 1])).tolist() == [0, 1]
        assert net(rl.tensor(-1.0)).item() == 0.0
    with pytest.raises(RuntimeError, match=r"Sequential\[0\] Linear"):
        try:
            nn.Sequential(nn.Linear(2, 2), nn.ReLU())(rl.ones(1, 3))
        except RuntimeError as error:
            raise RuntimeError("\n".join(error.__notes__)) from error


def test_channels_last_inputs_have_chains_of_their_own() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()
    x = rl.randn(2, 3, 8, 8)
    last = rl.randn(2, 8, 8, 3).permute(0, 3, 1, 2)
    for _ in range(2):
        net(x), net(last)
    assert len(net._rows.known.parts[0].known[2]) == 2
    y = last
    for layer in net:
        y = layer(y)
    assert bool((net(last) == y).all())


# ---- what a review found


def _one_by_one(net: Any, x: Any) -> Any:
    for layer in net:
        x = layer(x)
    return x


def test_first_calls_from_several_threads() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(60):
            net = nn.Sequential(*[nn.Linear(4, 4) for _ in range(6)], nn.Linear(4, 2)).eval()
            x, shapes, gate = rl.ones(3, 4), [()] * 4, threading.Barrier(4)

            def go(
                i: int, net: Any = net, x: Any = x, shapes: Any = shapes, gate: Any = gate
            ) -> None:
                gate.wait()
                shapes[i] = net(x).shape

            threads = [threading.Thread(target=go, args=(i,)) for i in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert shapes == [(3, 2)] * 4
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("how", ["set_submodule", "dict", "pop"])
def test_layers_replaced_behind_the_back(how: str) -> None:
    net, x = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Tanh()), rl.randn(2, 3)
    for _ in range(2):
        net(x)
    if how == "pop":
        net._modules.popitem()
    elif how == "dict":
        net._modules["0"] = nn.Linear(3, 3)
    else:
        net.set_submodule("0", nn.Linear(3, 3))
    for _ in range(2):
        assert bool((net(x) == _one_by_one(net, x)).all())


def test_replaced_statistics_are_checked() -> None:
    net = nn.Sequential(nn.BatchNorm1d(5, affine=False), nn.Sigmoid()).eval()
    x = rl.zeros(2, 5)
    for _ in range(2):
        net(x)
    net[0].running_mean.data = rl.zeros(3)
    with pytest.raises(RuntimeError, match="running_mean"):
        net(x)
    net[0].running_mean = net[0].running_var = None
    assert bool((net(x) == _one_by_one(net, x)).all())


def test_second_order_sees_the_statistics_of_its_forward() -> None:
    bn = nn.BatchNorm1d(3).eval()
    net, x = nn.Sequential(bn, nn.Linear(3, 3), nn.Tanh()), rl.randn(4, 3).requires_grad_()
    net(x)
    y = net(x).sum()
    first = rl.autograd.grad(y, x, retain_graph=True)[0]
    bn.train()
    bn(rl.randn(8, 3) + 5.0)
    again = rl.autograd.grad(y, x, create_graph=True)[0]
    np.testing.assert_allclose(again.detach().numpy(), first.numpy(), 1e-5, 1e-7)


def test_a_chain_without_arrays_may_be_walked_again() -> None:
    net = nn.Sequential(nn.AvgPool2d(2), nn.AvgPool2d(2))
    x = rl.ones(1, 1, 8, 8, requires_grad=True)
    net(x)
    y = net(x).sum()
    y.backward()
    y.backward()
    assert x.grad is not None
    assert bool((x.grad == 2 / 16).all())


def test_no_activations_are_kept_without_gradients() -> None:
    net = nn.Sequential(*[nn.Sigmoid() for _ in range(20)])
    x = rl.zeros(256, 256)
    with rl.no_grad():
        net(x)
        tracemalloc.start()
        net(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 * x.numel() * 4


def test_relu_first_in_the_row_saves_what_it_saves_alone() -> None:
    net = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    for _ in range(2):
        x = rl.ones(1, 1, 8, 8, requires_grad=True)
        y = net(x)
        with rl.no_grad():
            x.zero_()
        y.sum().backward()


def test_a_window_that_steps_over_the_input_stays_the_lowest_value() -> None:
    pool = nn.MaxPool2d(2, padding=1, dilation=2)
    net, x = nn.Sequential(nn.Tanh(), nn.ReLU(), pool), rl.ones(1, 2, 1, 3)
    alone = pool(rl.relu(rl.tanh(x)))
    assert alone.isneginf().any()
    for _ in range(3):
        assert (net(x) == alone).all()


def test_flattening_by_a_copy_guards_nothing() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2), nn.Tanh())
    for _ in range(2):
        x = rl.ones(8, 1, 8, 8).permute(2, 0, 1, 3)
        y = net(x)
        x.zero_()
        y.sum().backward()


def test_the_same_dropout_masks_for_strided_inputs() -> None:
    array = np.random.default_rng(0).standard_normal((2, 8, 8, 8)).astype("float32")
    x = rl.from_numpy(np.moveaxis(array, -1, 1)[:, ::2])
    for net in (
        nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Dropout()),
        nn.Sequential(nn.Tanh(), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout()),
    ):
        net(x)
        rl.manual_seed(0)
        got = net(x)
        rl.manual_seed(0)
        assert bool((got == _one_by_one(net, x)).all())


def test_a_layer_used_three_times() -> None:
    layer = nn.Linear(4, 4)
    net, x, found = nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), layer), rl.randn(3, 4), []
    for _ in range(2):
        layer.zero_grad()
        net(x).sum().backward()
        found.append(layer.weight.grad.clone())
    assert bool((found[0] == found[1]).all())


def test_changes_during_the_call_and_in_subclasses() -> None:
    class Scheduled(nn.Dropout):
        now = 0.0
        p = property(lambda self: Scheduled.now, lambda self, value: None)  # type: ignore[assignment]

    net = nn.Sequential(nn.Tanh(), Scheduled(), nn.Tanh())
    for _ in range(2):
        net(rl.ones(3))
    Scheduled.now = 1.0
    assert net(rl.ones(3)).tolist() == [0.0] * 3

    net = nn.Sequential(nn.Identity(), nn.LeakyReLU(0.1), nn.Identity(), nn.Tanh())
    slope = [0.1]
    net[0].register_forward_hook(lambda *_: setattr(net[1], "negative_slope", slope[0]))
    x = rl.tensor([-1.0])
    for _ in range(2):
        net(x)
    slope[0] = 5.0
    assert net(x).item() == pytest.approx(np.tanh(-5.0))


def test_forward_alone_is_quiet() -> None:
    net = nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 3)).half()
    x = (rl.randn(4, 3) * 1e4).half()
    net(x)
    net.forward(x)


def _conv_nets() -> dict[str, nn.Sequential]:
    def norm(n: int) -> nn.BatchNorm2d:
        layer = nn.BatchNorm2d(n)
        rl.nn.init.normal_(layer.weight)
        rl.nn.init.normal_(layer.bias)
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.1, 2)
        return layer

    rl.manual_seed(0)
    pool = nn.MaxPool2d(2)
    return {
        "conv-relu": nn.Sequential(nn.Conv2d(3, 18, 3), nn.ReLU()),
        "conv-norm": nn.Sequential(nn.Conv2d(3, 18, 3), norm(18)),
        "conv-norm-relu": nn.Sequential(nn.Conv2d(16, 33, 3, bias=False), norm(33), nn.ReLU()),
        "conv-pool": nn.Sequential(nn.Conv2d(3, 5, 5, padding=2), pool),
        "conv-relu-pool": nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), pool),
        "winograd-relu-pool": nn.Sequential(nn.Conv2d(16, 19, 3, padding=1), nn.ReLU(), pool),
        "conv-norm-relu-pool": nn.Sequential(nn.Conv2d(9, 7, 3, 2), norm(7), nn.ReLU(), pool),
        "grouped": nn.Sequential(nn.Conv2d(8, 12, 3, groups=2), norm(12), nn.ReLU(), pool),
        "conv-relu-norm-pool": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), norm(8), pool),
        "conv-norm-pool-relu": nn.Sequential(nn.Conv2d(16, 16, 3), norm(16), pool, nn.ReLU()),
        "wide pool": nn.Sequential(nn.Conv2d(3, 8, 3), norm(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
        "ceil": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
        "apart": nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2, dilation=2)),
        "two": nn.Sequential(
            *(nn.Conv2d(3, 16, 3), norm(16), nn.ReLU(), pool),
            *(nn.Conv2d(16, 16, 3), norm(16), nn.ReLU(), pool, nn.Conv2d(16, 4, 1)),
        ),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", _conv_nets())
def test_convolutions_that_go_on_give_the_same_bits(name: str, dtype: str) -> None:
    net = _conv_nets()[name].to(getattr(rl, dtype)).eval()
    channels = net[0].in_channels
    compiled = rl.compile(net)
    for shape in ((2, channels, 17, 22), (1, channels, 24, 24), (3, channels, 15, 201)):
        for seed in range(3):
            x = rl.tensor(np.random.default_rng(seed).standard_normal(shape).astype(dtype))
            with rl.no_grad():
                expected = _one_by_one(net, x)
                for found in (net(x), compiled(x)):
                    np.testing.assert_array_equal(found.numpy(), expected.numpy())
                    assert found._array.strides == expected._array.strides
            np.testing.assert_array_equal(net(x).detach().numpy(), expected.numpy())


def _linear_nets() -> dict[str, tuple[nn.Sequential, tuple[int, ...]]]:
    def norm(n: int, affine: bool = True) -> nn.BatchNorm1d:
        layer = nn.BatchNorm1d(n, affine=affine)
        if affine:
            rl.nn.init.normal_(layer.weight)
            rl.nn.init.normal_(layer.bias)
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.1, 2)
        return layer

    rl.manual_seed(0)
    return {
        "linear-norm": (nn.Sequential(nn.Linear(13, 33), norm(33)), (13,)),
        "linear-norm-relu": (nn.Sequential(nn.Linear(8, 64), norm(64), nn.ReLU()), (8,)),
        "no bias": (nn.Sequential(nn.Linear(300, 5, False), norm(5, False), nn.ReLU()), (300,)),
        "one feature": (nn.Sequential(nn.Linear(40, 1), norm(1)), (40,)),
        "relu between": (nn.Sequential(nn.Linear(7, 9), nn.ReLU(), norm(9)), (7,)),
        "channels beside": (nn.Sequential(nn.Linear(7, 9), norm(4), nn.ReLU()), (4, 7)),
        "two": (
            nn.Sequential(
                *(nn.Linear(9, 128), norm(128), nn.ReLU(), nn.Dropout(0.2)),
                *(nn.Linear(128, 64), norm(64), nn.ReLU(), nn.Linear(64, 2)),
            ),
            (9,),
        ),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", _linear_nets())
def test_linear_layers_that_go_on_give_the_same_bits(name: str, dtype: str) -> None:
    net, shape = _linear_nets()[name]
    net.to(getattr(rl, dtype)).eval()
    compiled = rl.compile(net)
    for n in (1, 2, 7, 64, 300):
        for seed in range(3):
            x = np.random.default_rng(seed).standard_normal((n, *shape)).astype(dtype)
            if seed == 2:  # specials
                x.reshape(-1)[:: x.size // 3 + 1] = np.nan, np.inf, -np.inf
            given = rl.tensor(x)
            with rl.no_grad():
                expected = _one_by_one(net, given).numpy()
                for found in (net(given), compiled(given)):
                    np.testing.assert_array_equal(found.numpy(), expected)
            np.testing.assert_array_equal(net(given).detach().numpy(), expected)


def test_specials_go_through_convolutions_that_go_on() -> None:
    net = _conv_nets()["two"].eval()
    x = rl.randn(4, 3, 20, 20)
    for i, value in enumerate((np.nan, np.inf, -np.inf, -0.0)):
        x[i, i % 3, 7 + i, 9] = value
    with rl.no_grad():
        net(x)
        np.testing.assert_array_equal(net(x).numpy(), _one_by_one(net, x).numpy())


def test_convolutions_go_on_where_nobody_looks_between(monkeypatch: pytest.MonkeyPatch) -> None:
    passes, real = [], chain.onward

    def counted(x: Any, calls: Any) -> Any:
        passes.append([op for op, _, _ in calls])
        return real(x, calls)

    monkeypatch.setattr(chain, "onward", counted)
    net, x = _conv_nets()["conv-norm-relu-pool"].eval(), rl.randn(2, 9, 11, 12)

    def taken() -> list[list[str]]:
        passes.clear()
        for _ in range(3):
            net(x)
        return passes

    with rl.no_grad():
        one_pass = ["conv", "batch_norm_eval", "max_pool"]
        assert taken() == [one_pass] * 2  # the first call is looked at
    assert not taken()  # gradients are wanted
    with rl.no_grad():
        net.train()
        assert not taken()
        net.eval()
        seen: list[int] = []
        net[1].register_forward_hook(lambda *_: seen.append(1))
        assert not taken()
        assert len(seen) == 3
