"""Instance norm, group norm and their kin: what the samples of modules cannot say."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import nn
from rushlight.arrays import is_channels_last
from rushlight.check import gradcheck, gradgradcheck
from rushlight.errors import DtypeError, ShapeError

F = nn.functional


def _last(x: Any) -> Any:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


@pytest.mark.parametrize("momentum", [0.1, 1.0, None])
def test_running_statistics_of_instances_over_many_batches(momentum: Any) -> None:
    torch = pytest.importorskip("torch")
    options = {"track_running_stats": True, "momentum": momentum}
    ours, theirs = nn.InstanceNorm1d(3, **options), torch.nn.InstanceNorm1d(3, **options)
    for seed in range(3):
        batch = (normal(4, 3, 5, seed=seed) * (seed + 1) + seed).astype("f4")
        ours(rl.tensor(batch))
        theirs(torch.tensor(batch))
        for b, right in zip(ours.buffers(), theirs.buffers(), strict=True):
            np.testing.assert_allclose(b.numpy(), right.numpy(), 1e-5, 1e-6)
    x = normal(4, 3, 5, seed=9).astype("f4")
    right = theirs.eval()(torch.tensor(x)).numpy()
    np.testing.assert_allclose(ours.eval()(rl.tensor(x)).numpy(), right, 1e-5, 1e-6)
    assert ours.num_batches_tracked.item() == 0
    ours.reset_running_stats()
    assert not ours.running_mean.numpy().any() and (ours.running_var.numpy() == 1).all()


def test_an_empty_batch_leaves_the_statistics() -> None:
    layer = nn.InstanceNorm1d(3, track_running_stats=True, affine=True)
    y = layer(rl.zeros(0, 3, 4, requires_grad=True))
    y.sum().backward()
    assert y.shape == (0, 3, 4) and layer.weight.grad.tolist() == [0.0] * 3
    assert not layer.running_mean.numpy().any() and (layer.running_var.numpy() == 1).all()


def test_instance_norm_of_other_channels_warns_every_time() -> None:
    for layer in (nn.InstanceNorm2d(3), nn.Sequential(nn.InstanceNorm2d(3), nn.ReLU())):
        for _ in range(3):
            with pytest.warns(UserWarning, match=r"InstanceNorm2d: got input \(2, 4, 3, 3\)"):
                layer(rl.randn(2, 4, 3, 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.GroupNorm(2, 4),
        lambda: nn.InstanceNorm2d(4, affine=True),
        lambda: nn.InstanceNorm2d(4, track_running_stats=True),
        lambda: nn.SyncBatchNorm(4),
    ],
)
def test_in_a_sequential_as_alone(make: Any) -> None:
    """A chain of ops gives the bits of the layers, gradients and running statistics included."""
    chained, plain = nn.Sequential(nn.Tanh(), make(), nn.ReLU()), make()
    for training in (True, False):
        chained.train(training)
        plain.train(training)
        for seed in range(3):
            x = normal(2, 4, 3, 3, seed=seed).astype("f4") + 1
            a, b = rl.tensor(x, requires_grad=True), rl.tensor(x, requires_grad=True)
            y, right = chained(a), F.relu(plain(b.tanh()))
            assert (y.detach().numpy() == right.detach().numpy()).all()
            (y * y).sum().backward()
            (right * right).sum().backward()
            assert (a.grad.numpy() == b.grad.numpy()).all()
            for p, q in zip(
                chained.state_dict().values(), plain.state_dict().values(), strict=True
            ):
                assert (p.numpy() == q.numpy()).all()


@pytest.mark.parametrize(
    "layer",
    [
        nn.InstanceNorm2d(4, affine=True),
        nn.GroupNorm(2, 4),
        nn.LocalResponseNorm(3, 0.5),
        nn.CrossMapLRN2d(3, 0.5),
        nn.RMSNorm((3, 2)),
    ],
)
def test_first_and_second_order(layer: Any) -> None:
    layer = layer.double()
    x = rl.tensor(normal(2, 4, 3, 2) + 0.5, requires_grad=True)
    assert gradcheck(layer, (x,)) and gradgradcheck(layer, (x,), directions=1)


@pytest.mark.parametrize(
    "layer", [nn.GroupNorm(3, 6), nn.InstanceNorm2d(6), nn.LocalResponseNorm(3)]
)
def test_channels_last_stays(layer: Any) -> None:
    x = rl.from_numpy(_last(normal(2, 6, 4, 5).astype("f4"))).requires_grad_()
    y = layer(x)
    (y * y * y).sum().backward()
    assert is_channels_last(y._array) and is_channels_last(x.grad._array)


# ---- SyncBatchNorm


def test_sync_batch_norm_is_batch_norm() -> None:
    x = rl.tensor(normal(4, 3, 2, 2).astype("f4"))
    ours, plain = nn.SyncBatchNorm(3), nn.BatchNorm2d(3)
    assert (ours(x).detach().numpy() == plain(x).detach().numpy()).all()
    for a, b in zip(ours.buffers(), plain.buffers(), strict=True):
        assert (a.numpy() == b.numpy()).all()


def test_convert_sync_batchnorm() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3, eps=0.1), nn.Sequential(nn.BatchNorm1d(2, bias=False))
    ).eval()
    before = dict(model.state_dict())
    weight = model[1].weight
    assert nn.SyncBatchNorm.convert_sync_batchnorm(model) is model
    assert type(model[1]) is type(model[2][0]) is nn.SyncBatchNorm
    assert model[1].weight is weight and model[1].eps == 0.1 and not model[1].training
    after = model.state_dict()
    assert list(after) == list(before)
    assert all((after[k].numpy() == before[k].numpy()).all() for k in before)
    alone = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm3d(2))
    assert type(alone) is nn.SyncBatchNorm and alone.num_features == 2
    assert nn.SyncBatchNorm.convert_sync_batchnorm(nn.GroupNorm(1, 2)).num_groups == 1


# ---- messages


def test_messages() -> None:
    def fails(match: str, error: type[Exception], function: Any, *args: Any, **kw: Any) -> None:
        with pytest.raises(error, match=match):
            function(*args, **kw)

    wrong = r"InstanceNorm1d: got input \(2, 4, 5\), expected \(N, 3, L\) or \(3, L\); .*\(4\)"
    fails(wrong, ShapeError, nn.InstanceNorm1d(3, affine=True), rl.zeros(2, 4, 5))
    fails(r"InstanceNorm2d: got input \(3, 4\)", ShapeError, nn.InstanceNorm2d(3), rl.zeros(3, 4))
    fails(
        r"instance_norm: got input \(2, 3, 1\), expected .* more than 1 value per channel",
        ValueError,
        nn.InstanceNorm1d(3),
        rl.zeros(2, 3, 1),
    )
    x = rl.zeros(2, 4, 3)
    fails("expected both or none", ValueError, F.instance_norm, x, rl.zeros(4))
    fails("got training=False without", RuntimeError, F.instance_norm, x, use_input_stats=False)
    tracked = nn.InstanceNorm1d(3, track_running_stats=True)
    with pytest.raises(ShapeError, match=r"running_mean \(3,\) for 4"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracked(x)
    fails("num_channels=4 with num_groups=3", ValueError, nn.GroupNorm, 3, 4)
    fails("num_channels=4 with num_groups=0", ValueError, nn.GroupNorm, 0, 4)
    fails("got num_groups=-2", RuntimeError, nn.GroupNorm(-2, 4), x)
    fails("more than 1 value per group", ValueError, F.group_norm, rl.zeros(1, 4), 4)
    fails(r"num_groups=3.* divides", ShapeError, F.group_norm, x, 3)
    fails(r"weight \(6,\), one value", ShapeError, nn.GroupNorm(2, 4), rl.zeros(2, 6))
    fails("one floating dtype", DtypeError, nn.GroupNorm(2, 4), x.double())
    norm = F.local_response_norm
    fails(r"local_response_norm: got input \(2, 4\)", ValueError, norm, rl.zeros(2, 4), 2)
    fails("local_response_norm: got size=0, expected at least 1", RuntimeError, norm, x, 0)
    fails("size=2.5, expected an int", TypeError, norm, x, 2.5)
    fails(r"CrossMapLRN2d: got input \(2, 4, 3\)", ValueError, nn.CrossMapLRN2d(2), x)
    fails(
        "SyncBatchNorm: got process_group=1",
        NotImplementedError,
        nn.SyncBatchNorm,
        3,
        process_group=1,
    )
    fails(r"SyncBatchNorm: got input \(3,\)", ValueError, nn.SyncBatchNorm(3), rl.zeros(3))
    for eps in (0.0, -1.0):
        layer = nn.BatchNorm1d(3, eps=eps)
        fails(f"got eps={eps}, expected an eps above 0", ValueError, layer, rl.randn(4, 3))
    nn.BatchNorm1d(3, eps=0.0).eval()(rl.randn(4, 3))
    fails("eps of at least 0", ValueError, nn.BatchNorm1d(3, eps=-1.0).eval(), rl.randn(4, 3))
