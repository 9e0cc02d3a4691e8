"""Frozen plans: what kernels make of parameters is kept until these change, and changes no bit."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compiled import native

needs_kernels = pytest.mark.skipif(native is None, reason="needs compiled kernels")


def _input(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return rl.from_numpy(values)


def _mlp() -> Any:
    return nn.Sequential(nn.Linear(300, 270), nn.ReLU(), nn.Linear(270, 40)), (300,)


def _cnn() -> Any:
    layers = [nn.Conv2d(1, 20, 3), nn.ReLU(), nn.Conv2d(20, 40, 3), nn.BatchNorm2d(40), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Conv2d(40, 37, 1, stride=2), nn.Flatten(), nn.Linear(333, 5)]
    return nn.Sequential(*layers), (1, 14, 14)


def _grouped() -> Any:
    layers = [nn.Conv2d(8, 36, 3, groups=2), nn.Conv2d(36, 40, 3, stride=2, padding=1, groups=4)]
    layers += [
        nn.ConvTranspose2d(40, 6, 3, stride=2, output_padding=1),
        nn.Conv2d(6, 6, 3, groups=6),
    ]
    return nn.Sequential(*layers), (8, 12, 13)


class _Last(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(20, 24, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(48, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.rnn(x)[0][:, -1])


def _lstm() -> Any:
    return _Last(), (6, 20)


def _transformer() -> Any:
    layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (5, 32)


NETS = [_mlp, _cnn, _grouped, _lstm, _transformer]


@pytest.fixture(params=NETS, ids=lambda make: make.__name__.strip("_"))
def net_and_shape(request: Any) -> Any:
    rl.manual_seed(0)
    net, shape = request.param()
    return net.eval(), shape


@pytest.fixture(params=[1, 2])
def threads(request: Any) -> Any:
    before = rl.get_num_threads()
    rl.set_num_threads(request.param)
    yield request.param
    rl.set_num_threads(before)


def _kept(f: Any) -> int:
    """Bytes that the plans of a compiled function keep."""
    plans = [kind.plan for kind in f._kinds.values() if kind.plan is not None]
    return sum(keep.nbytes for plan in plans for keep in plan.program.kept if keep is not None)


def _same(f: Any, net: Any, x: Any) -> None:
    assert f(x).numpy().tobytes() == net(x).numpy().tobytes()


@pytest.mark.parametrize("count", [1, 3, 70])
def test_results_are_the_same(net_and_shape: Any, threads: int, count: int) -> None:
    net, shape = net_and_shape
    f = rl.compile(net, frozen=True, fullgraph=True)
    with rl.no_grad():
        for seed in range(5):
            _same(f, net, _input(count, *shape, seed=seed))
        assert f.recordings == 1
        assert (_kept(f) > 0) == (native is not None and (count > 1 or len(shape) > 1))


def _in_place(net: Any) -> None:
    for p in net.parameters():
        p.mul_(0.5)


def _loaded(net: Any) -> None:
    net.load_state_dict({key: value * 0.5 for key, value in net.state_dict().items()})


def _stepped(net: Any) -> None:
    optimizer = rl.optim.Adam(net.parameters(), lr=0.1)
    for p in net.parameters():
        p.grad = rl.ones_like(p)
    optimizer.step()
    optimizer.zero_grad()


def _of_data(net: Any) -> None:
    for p in net.parameters():
        p.data.add_(0.25)


def _of_data_of_data(net: Any) -> None:
    for p in net.parameters():
        p.data.data[0].fill_(p.sum().item())


def _detached(net: Any) -> None:
    for p in net.parameters():
        p.detach().t().add_(0.25)


def _replaced(net: Any) -> None:
    for p in net.parameters():
        p.data = p.data + 0.25


def _taken_over(net: Any) -> None:
    for p in net.parameters():
        other = rl.zeros_like(p)
        p.data = other
        other.add_(p.numel())


def _taken_over_twice(net: Any) -> None:
    for p in net.parameters():
        one, other = rl.zeros_like(p), p.data.data
        p.data = one.data
        p.data = other.data
        other.mul_(0.5)


def _of_a_vector(net: Any) -> None:
    vector = nn.utils.parameters_to_vector(net.parameters()).detach()
    nn.utils.vector_to_parameters(vector, net.parameters())
    vector.mul_(0.5)


def _assigned(net: Any) -> None:
    state = {key: value.clone() for key, value in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    for value in state.values():
        value.mul_(0.5)


def _averaged(net: Any) -> None:
    other = copy.deepcopy(net)
    _in_place(other)
    average = rl.optim.swa_utils.AveragedModel(net)
    average.update_parameters(net)
    average.update_parameters(other)
    for p, q in zip(net.parameters(), average.module.parameters(), strict=True):
        p.copy_(q)


def _trained_compiled(net: Any) -> None:
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1)

    @rl.compile(fullgraph=True)
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    with rl.enable_grad():
        for seed in range(4):
            step(_input(3, 300, seed=seed))


CHANGES = [_in_place, _loaded, _stepped, _of_data, _of_data_of_data, _detached, _replaced]
CHANGES += [_taken_over, _taken_over_twice, _of_a_vector, _assigned, _averaged, _trained_compiled]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_parameters_are_seen(change: Any) -> None:
    rl.manual_seed(0)
    net, shape = _mlp()
    f, x = rl.compile(net, frozen=True, fullgraph=True), _input(9, *shape)
    with rl.no_grad():
        for _ in range(4):
            _same(f, net, x)
        before = f(x).numpy()
        for _ in range(2):
            change(net)
            for _ in range(3):
                _same(f, net, x)
            assert not np.array_equal(f(x).numpy(), before)


@pytest.mark.parametrize("count", [1, 3, 70])
def test_changes_are_seen_by_every_kernel(net_and_shape: Any, count: int) -> None:
    net, shape = net_and_shape
    f, x = rl.compile(net, frozen=True, fullgraph=True), _input(count, *shape)
    with rl.no_grad():
        for _ in range(3):
            for _ in range(3):
                _same(f, net, x)
            _in_place(net)


def test_parameters_that_share_memory() -> None:
    """Also as matrices that they are not themselves."""
    rl.manual_seed(0)
    a, b = nn.Parameter(rl.randn(64 * 64)), nn.Parameter(rl.randn(40, 64))
    optimizer = rl.optim.SGD([a, b], lr=0.01)

    def function(x: Any) -> Any:
        return nn.functional.linear(nn.functional.linear(x, a.view(64, 64)), b)

    for _ in range(2):  # puts them side by side
        optimizer.zero_grad()
        function(_input(9, 64)).sum().backward()
        optimizer.step()
    f, x = rl.compile(function, frozen=True, fullgraph=True), _input(9, 64)
    with rl.no_grad():
        for parameter in (a, b, a, b):
            for _ in range(4):
                _same(f, function, x)
            parameter.mul_(0.5)
        _same(f, function, x)


@pytest.mark.parametrize("view", [lambda w: w.data, lambda w: w.detach(), lambda w: w.data.data])
@pytest.mark.parametrize("writer", [lambda w: w, lambda w: w.data, lambda w: w.data.data.t()])
def test_tensors_of_one_memory(view: Any, writer: Any) -> None:
    w, x = nn.Parameter(_input(30, 40)), _input(9, 40)
    read = view(w)
    other = nn.Linear(40, 30, bias=False)
    other.weight.data = w.data
    with rl.no_grad():
        for function in (lambda x: nn.functional.linear(x, read), other):
            f = rl.compile(function, frozen=True, fullgraph=True)
            for _ in range(3):
                for _ in range(3):
                    _same(f, function, x)
                writer(w).mul_(0.5)
                _same(f, function, x)


@needs_kernels
def test_large_arguments_are_lent_beside_what_is_kept() -> None:
    rl.manual_seed(0)
    net, shape = _mlp()
    f, x = rl.compile(net, frozen=True, fullgraph=True), _input(300, *shape)
    with rl.no_grad():
        for _ in range(3):
            for seed in range(4):
                x = _input(300, *shape, seed=seed)
                _same(f, net, x)
            _in_place(net)
    assert f._quick[2] is not None


def test_several_python_threads() -> None:
    rl.manual_seed(0)
    net, shape = _mlp()
    f, inputs = rl.compile(net, frozen=True), [_input(9, *shape, seed=i) for i in range(4)]
    with rl.no_grad():
        expected = [net(x).numpy().tobytes() for x in inputs]

    def some(i: int) -> bool:
        with rl.no_grad():
            return all(f(inputs[i]).numpy().tobytes() == expected[i] for _ in range(60))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(some, range(4)))


@needs_kernels
def test_a_kernel_that_fails_keeps_nothing() -> None:
    w = np.ones((20, 30), np.float32)
    keep = native.Kept([np.lib.array_utils.byte_bounds(w)])
    x, y, bias = np.ones((9, 30), np.float32), np.empty((9, 20), np.float32), None
    keep(native.linear_forward, (x, w, bias, y, False))
    assert (y == 30).all()
    assert keep.nbytes >= w.nbytes
    with pytest.raises(ValueError, match="numbers"):
        keep(native.linear_forward, (x, w, bias, y[:, :5].copy(), False))
    assert keep.nbytes == 0
    with pytest.raises(TypeError, match="Kept"):
        native.prepare(native.linear_forward, (x, w, bias, y, False), object())


def test_data_of_data_of_data() -> None:
    x = rl.zeros(3)
    for _ in range(2000):
        x = x.data
        x.add_(1)
    assert x.tolist() == [2000.0] * 3


@needs_kernels
def test_a_change_is_no_new_recording_and_keeps_no_more() -> None:
    rl.manual_seed(0)
    net, shape = _mlp()
    f, x = rl.compile(net, frozen=True, fullgraph=True), _input(9, *shape)
    with rl.no_grad():
        _same(f, net, x)
        _same(f, net, x)
        _same(f, net, x)
        kept = _kept(f)
        for _ in range(3):
            _in_place(net)
            _same(f, net, x)
            assert _kept(f) == kept
    assert f.recordings == 1


@needs_kernels
def test_what_is_kept_is_what_is_read() -> None:
    """Else there would be nothing to gain: a write that nobody counts is not seen."""
    rl.manual_seed(0)
    net, shape = _mlp()
    f, x = rl.compile(net, frozen=True, fullgraph=True), _input(9, *shape)
    with rl.no_grad():
        for _ in range(4):
            before = f(x).numpy()
        net[0].weight.detach().numpy()[...] *= 2
        assert np.array_equal(f(x).numpy(), before)
        net[0].weight.mul_(1)
        _same(f, net, x)


@needs_kernels
def test_other_levels_and_numbers_of_threads_are_seen() -> None:
    rl.manual_seed(0)
    net, shape = _cnn()
    f, x = rl.compile(net.eval(), frozen=True, fullgraph=True), _input(9, *shape)
    level, count = native.level(), native.threads()
    try:
        with rl.no_grad():
            for name in ("baseline", level, "baseline"):
                native.choose_level(name)
                for threads in (1, 2, 1):
                    native.set_threads(threads)
                    for _ in range(3):
                        _same(f, net, x)
    finally:
        native.choose_level(level)
        native.set_threads(count)


def test_gradients_are_the_same() -> None:
    rl.manual_seed(0)
    net, shape = _cnn()
    net.eval()

    def gradients(x: Any) -> Any:
        net.zero_grad()
        loss = (net(x) ** 2).sum()
        loss.backward()
        return loss

    f = rl.compile(gradients, frozen=True, fullgraph=True)
    for seed in range(4):
        x = _input(5, *shape, seed=seed)
        gradients(x)
        expected = [p.grad.numpy().tobytes() for p in net.parameters()]
        f(x)
        assert [p.grad.numpy().tobytes() for p in net.parameters()] == expected


def _step_of_an_optimizer() -> Any:
    net, shape = _mlp()
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, shape


def _decay() -> Any:
    net, shape = _mlp()

    def decay(x: Any) -> Any:
        with rl.no_grad():
            net[0].weight.mul_(0.5)
            return net(x)

    return decay, shape


def test_statistics_may_change() -> None:
    rl.manual_seed(0)
    net, shape = _cnn()
    same = copy.deepcopy(net)
    f = rl.compile(net, frozen=True, fullgraph=True)
    with rl.no_grad():
        for seed in range(5):
            _same(f, same, _input(4, *shape, seed=seed))
    assert net[3].running_var.tolist() == same[3].running_var.tolist()


@pytest.mark.parametrize("make", [_step_of_an_optimizer, _decay])
def test_what_changes_its_parameters_is_called_as_it_is(make: Any) -> None:
    function, shape = make()
    f = rl.compile(function, frozen=True)
    with pytest.warns(UserWarning, match="changes what is frozen"):
        for _ in range(3):
            f(_input(2, *shape))
    assert f.reasons == ["it changes what is frozen"]
    strict = rl.compile(function, frozen=True, fullgraph=True)
    strict(_input(2, *shape))
    with pytest.raises(RuntimeError, match="changes what is frozen"):
        strict(_input(2, *shape))


def test_the_option_is_kept() -> None:
    net = nn.Linear(3, 2)
    f = rl.compile(frozen=True)(net)
    assert f.frozen
    assert pickle.loads(pickle.dumps(f)).frozen
    assert copy.deepcopy(f).frozen
    assert not rl.compile(net).frozen
