"""Normalization layers: what the samples of modules cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal, uniform

import rushlight as rl
from rushlight import nn
from rushlight.arrays import is_channels_last
from rushlight.errors import DtypeError, ShapeError

torch = pytest.importorskip("torch")

LAYERS = [("BatchNorm1d", (6, 3)), ("BatchNorm1d", (4, 3, 5)), ("BatchNorm2d", (3, 3, 4, 2))]
every_layer = pytest.mark.parametrize(("name", "shape"), LAYERS)


def _batches(shape: tuple[int, ...], count: int = 4) -> list[Any]:
    return [(normal(*shape, seed=s) * (s + 1) + s).astype("f4") for s in range(count)]


def _equal_buffers(ours: Any, theirs: Any) -> None:
    for (name, b), (other, right) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == other and str(b.dtype) == str(right.dtype).removeprefix("torch.")
        np.testing.assert_allclose(b.numpy(), right.numpy(), 1e-5, 1e-6, err_msg=name)


@every_layer
@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0, 0.0, None])
def test_running_statistics_over_many_batches(name: str, shape: Any, momentum: Any) -> None:
    ours = getattr(nn, name)(3, momentum=momentum)
    theirs = getattr(torch.nn, name)(3, momentum=momentum)
    for batch in _batches(shape):
        ours(rl.tensor(batch))
        theirs(torch.tensor(batch))
        _equal_buffers(ours, theirs)
    ours.eval()(rl.tensor(batch))
    _equal_buffers(ours, theirs)  # evaluation leaves them alone
    ours.reset_running_stats()
    theirs.reset_running_stats()
    _equal_buffers(ours, theirs)


def test_cumulative_average_is_the_average() -> None:
    layer = nn.BatchNorm1d(3, momentum=None)
    batches = _batches((6, 3), 5)
    for batch in batches:
        layer(rl.tensor(batch))
    np.testing.assert_allclose(
        layer.running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0), 1e-5
    )
    np.testing.assert_allclose(
        layer.running_var.numpy(), np.mean([b.var(0, ddof=1) for b in batches], 0), 1e-5
    )
    assert layer.num_batches_tracked.item() == 5


@every_layer
@pytest.mark.parametrize("affine", [True, False])
def test_evaluation_and_its_gradients_equal_torchs(name: str, shape: Any, affine: bool) -> None:
    ours = getattr(nn, name)(3, affine=affine).double()
    theirs = getattr(torch.nn, name)(3, affine=affine).double()
    state = {"running_mean": normal(3), "running_var": uniform(3, low=0.3, high=2)}
    if affine:
        state |= {"weight": normal(3, seed=1), "bias": normal(3, seed=2)}
    ours.load_state_dict({k: rl.tensor(v) for k, v in state.items()}, strict=False)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    x, g = normal(*shape, seed=3), normal(*shape, seed=4)
    a = rl.tensor(x, requires_grad=True)
    b = torch.tensor(x, requires_grad=True)
    y, right = ours.eval()(a), theirs.eval()(b)
    np.testing.assert_allclose(y.detach().numpy(), right.detach().numpy(), 1e-9, 1e-11)
    y.backward(rl.tensor(g))
    right.backward(torch.tensor(g))
    pairs = [(a, b), *zip(ours.parameters(), theirs.parameters(), strict=True)]
    for mine, other in pairs:
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), 1e-9, 1e-11)


def test_evaluation_gradient_survives_a_training_step_in_between() -> None:
    layer = nn.BatchNorm1d(2)
    layer.running_mean.copy_(rl.tensor([1.0, -1.0]))
    x = rl.tensor([[1.0, 2.0], [3.0, 5.0]])
    y = layer.eval()(x)
    layer.train()(x)  # moves the running mean that evaluation used
    y.sum().backward()
    expected = (x.numpy() - [1.0, -1.0]).sum(0) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(layer.weight.grad.numpy(), expected, 1e-6)


def test_nothing_is_recorded_through_the_statistics() -> None:
    layer = nn.BatchNorm1d(3)
    x = rl.tensor(normal(5, 3).astype("f4"), requires_grad=True)
    layer(x).sum().backward()
    for buffer in layer.buffers():
        assert not buffer.requires_grad and buffer.grad_fn is None
    layer(x).sum().backward()  # a second graph: the first left nothing behind


def test_buffers_keep_their_memory() -> None:
    layer = nn.BatchNorm1d(3)
    state = layer.state_dict()
    layer(rl.tensor(normal(5, 3).astype("f4")))
    assert (state["running_mean"].numpy() == layer.running_mean.numpy()).all()
    assert state["running_mean"].numpy().any() and state["num_batches_tracked"].item() == 1


def test_an_empty_batch_passes_and_leaves_the_statistics() -> None:
    layer, theirs = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    x = rl.zeros(0, 3, requires_grad=True)
    y = layer(x)
    theirs(torch.zeros(0, 3))
    assert y.shape == (0, 3)
    y.sum().backward()
    assert x.grad.shape == (0, 3)
    assert layer.weight.grad.tolist() == layer.bias.grad.tolist() == [0.0] * 3
    _equal_buffers(layer, theirs)


def test_statistics_of_the_batch_in_evaluation_without_running_ones() -> None:
    layer = nn.BatchNorm1d(3, track_running_stats=False)
    x = rl.tensor(normal(5, 3).astype("f4"))
    assert (layer(x).detach().numpy() == layer.eval()(x).detach().numpy()).all()
    assert layer.running_mean is None and layer.num_batches_tracked is None


def test_turning_tracking_off_later() -> None:
    ours, theirs = nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    ours.track_running_stats = theirs.track_running_stats = False
    batch = _batches((6, 3))[1]
    for _ in range(2):
        a, b = ours(rl.tensor(batch)), theirs(torch.tensor(batch))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-4, 1e-5)
        _equal_buffers(ours, theirs)
        ours.eval(), theirs.eval()


def test_a_refused_batch_changes_nothing() -> None:
    layer = nn.BatchNorm1d(3, momentum=None)
    with pytest.raises(ValueError):
        layer(rl.zeros(1, 3))
    assert layer.num_batches_tracked.item() == 0 and not layer.running_mean.numpy().any()


def test_old_state_dicts_without_a_count_are_read() -> None:
    layer = nn.BatchNorm2d(2)
    state = {k: v.clone() for k, v in layer.state_dict().items() if "num_batches" not in k}
    state["running_mean"] += 3
    layer.load_state_dict(state)
    assert layer.running_mean.tolist() == [3.0, 3.0]
    assert "num_batches_tracked" not in state


# ---- layout


@pytest.mark.parametrize("training", [True, False])
def test_channels_last_stays(training: bool) -> None:
    x = normal(2, 3, 4, 5).astype("f4")
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    layer = nn.BatchNorm2d(3).train(training)
    results = []
    for given in (last, x):
        a = rl.from_numpy(given).requires_grad_()
        y = layer(a)
        (y * y * y).sum().backward()
        assert is_channels_last(y._array) and is_channels_last(a.grad._array)
        results.append((y.detach().numpy(), a.grad.numpy()))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, 1e-6, 1e-7)


# ---- messages


def test_messages() -> None:
    def fails(match: str, error: type[Exception], function: Any, *args: Any) -> None:
        with pytest.raises(error, match=match):
            function(*args)

    fails(
        r"BatchNorm1d: got input \(3,\), expected \(N, 3\) or \(N, 3, L\); unsqueeze\(0\)",
        ShapeError,
        nn.BatchNorm1d(3),
        rl.zeros(3),
    )
    fails(
        r"BatchNorm2d: got input \(2, 5, 4, 4\), expected \(N, 3, H, W\).*BatchNorm2d\(5\)",
        ShapeError,
        nn.BatchNorm2d(3),
        rl.zeros(2, 5, 4, 4),
    )
    fails(
        r"BatchNorm2d: got input \(3, 4, 4\), expected \(N, 3, H, W\); unsqueeze",
        ShapeError,
        nn.BatchNorm2d(3),
        rl.zeros(3, 4, 4),
    )
    fails(
        r"(?m)BatchNorm3d: got input \(2, 3\), expected \(N, 3, D, H, W\)$",
        ShapeError,
        nn.BatchNorm3d(3),
        rl.zeros(2, 3),
    )
    fails(
        r"more than 1 value per channel when training, got input \(1, 3\).*eval\(\)",
        ValueError,
        nn.BatchNorm1d(3),
        rl.zeros(1, 3),
    )
    fails(
        r"batch_norm: got input float64 with weight or bias float32, expected one floating dtype",
        DtypeError,
        nn.BatchNorm1d(3),
        rl.zeros(2, 3, dtype=rl.float64),
    )
    fails(
        r"layer_norm: got input \(2, 4\), expected \(\*, 3\)",
        ShapeError,
        nn.LayerNorm(3),
        rl.zeros(2, 4),
    )
    batch_norm = nn.functional.batch_norm
    x = rl.zeros(4, 3)
    fails(r"training=False without running_mean", RuntimeError, batch_norm, x, None, None)
    fails(
        r"running_mean \(2,\) for 3 channels.*running_mean \(3,\)",
        ShapeError,
        lambda: batch_norm(x, rl.zeros(2), rl.ones(2), training=True),
    )
    fails(r"rms_norm: got input \(4, 3\)", ShapeError, nn.functional.rms_norm, x, (4,))
    for norm, layer in (("layer_norm", "LayerNorm"), ("rms_norm", "RMSNorm")):
        function = getattr(nn.functional, norm)
        fails(f"{norm}: got normalized_shape=3, expected a tuple", TypeError, function, x, 3)
        fails(f"{layer}: got normalized_shape=3.5", TypeError, getattr(nn, layer), 3.5)


def test_functional_keeps_given_statistics_up_to_date() -> None:
    x = normal(6, 3).astype("f4")
    mean, var = rl.zeros(3), rl.ones(3)
    theirs = torch.zeros(3), torch.ones(3)
    nn.functional.batch_norm(rl.tensor(x), mean, var, training=True, momentum=0.3)
    torch.nn.functional.batch_norm(torch.tensor(x), *theirs, training=True, momentum=0.3)
    np.testing.assert_allclose(mean.numpy(), theirs[0].numpy(), 1e-5)
    np.testing.assert_allclose(var.numpy(), theirs[1].numpy(), 1e-5)
    before = mean.numpy().copy()
    nn.functional.batch_norm(rl.tensor(x), mean, None, training=True)  # one of them alone
    assert (mean.numpy() != before).all()


def test_large_float32_batches_keep_their_digits() -> None:
    x = (normal(100_000, 4) + 100).astype("f4")
    layer = nn.BatchNorm1d(4, momentum=1.0)
    y = layer(rl.tensor(x)).detach().numpy()
    exact = x.astype("f8")
    np.testing.assert_allclose(layer.running_mean.numpy(), exact.mean(0), 1e-6)
    np.testing.assert_allclose(layer.running_var.numpy(), exact.var(0, ddof=1), 1e-5)
    right = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5)
    np.testing.assert_allclose(y, right, 1e-4, 1e-4)
