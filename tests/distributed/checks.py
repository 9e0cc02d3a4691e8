"""What several processes check of gradients, samplers and what they agree on."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import collect, main

import rushlight as rl
from rushlight import nn
from rushlight.comm import mpi
from rushlight.determinism import deterministic_algorithms
from rushlight.distributed import (
    DistributedSampler,
    GradientAverager,
    agree,
    broadcast_model,
    buckets,
    init,
    rank,
    size,
)
from rushlight.errors import ShapeError


def _net() -> nn.Sequential:
    rl.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5), nn.Tanh(),
        nn.Linear(5, 3),
    ).to(rl.float64)  # fmt: skip


def _data(count: int) -> tuple[Any, Any]:
    numbers = np.random.default_rng(count)
    return numbers.normal(size=(count, 1, 8, 8)), numbers.integers(0, 3, count)


def _equal(model: nn.Module, other: nn.Module) -> None:
    for (name, p), q in zip(model.named_parameters(), other.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None), name
        if p.grad is not None:
            error = np.abs(p.grad.numpy() - q.grad.numpy()).max()
            assert error <= 1e-12 * max(1.0, np.abs(q.grad.numpy()).max()), (name, error)


def _compare(joined: Any, loss: Any, count: int, counted: Any = None, **options: Any) -> None:
    """Hold the averaged gradients, of ragged shares, equal to those of one process."""
    x, y = _data(count)
    whole, own = _net(), _net()
    averager = GradientAverager(own, **options)
    for _ in range(3):  # the second and third by a chain
        whole.zero_grad()
        own.zero_grad()
        loss(whole(rl.tensor(x)), rl.tensor(y)).backward()
        mine = DistributedSampler(range(count), shuffle=False)
        a, b = x[list(mine)], y[list(mine)]
        if len(a):
            weight = len(a) if counted is None else counted(b)
            averager.backward(loss(own(rl.tensor(a)), rl.tensor(b)), weight)
        else:
            averager.backward(None, 0)
        _equal(own, whole)
    averager.close()


def check_batch_norm(joined: Any) -> None:
    for count in (9, 3, 2):  # 2: with 4 ranks some have none
        x, y = _data(count)
        rl.manual_seed(8)
        parts: list[Any] = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
        parts += [nn.Linear(144, 6), nn.BatchNorm1d(6, momentum=None), nn.Tanh(), nn.Linear(6, 3)]
        whole = nn.Sequential(*parts).to(rl.float64)
        own = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(whole))
        averager, loss = GradientAverager(own), nn.CrossEntropyLoss(reduction="sum")
        mine = list(DistributedSampler(range(count), shuffle=False))
        for _ in range(3):
            whole.zero_grad()
            own.zero_grad()
            expected = whole(rl.tensor(x))
            (loss(expected, rl.tensor(y)) / count).backward()
            found = own(rl.tensor(x[mine]))
            assert (
                np.abs(found.numpy(force=True) - expected.numpy(force=True)[mine]).max(initial=0)
                < 1e-12
            )
            averager.backward(loss(found, rl.tensor(y[mine])) / count, mean=False)
            _equal(own, whole)
        for (name, p), q in zip(own.named_buffers(), whole.buffers(), strict=True):
            assert np.abs(p.numpy() - q.numpy()).max() < 1e-12, name
        own.eval(), whole.eval()
        error = own(rl.tensor(x)).numpy(force=True) - whole(rl.tensor(x)).numpy(force=True)
        assert np.abs(error).max() < 1e-12
        averager.close()


def check_batch_norm_of_float16(joined: Any) -> None:
    """Sums that float16 cannot hold are taken in float32."""
    x = 100 + np.random.default_rng(0).normal(size=(2 * joined.size, 2, 20, 20))
    mine = slice(joined.rank, None, joined.size)
    whole, own = (layer(2, dtype=rl.float16) for layer in (nn.BatchNorm2d, nn.SyncBatchNorm))
    a, b = (rl.tensor(values, dtype=rl.float16, requires_grad=True) for values in (x, x[mine]))
    y, z = whole(a), own(b)
    (y * y * y).sum().backward()
    (z * z * z).sum().backward()
    assert z.dtype == b.grad.dtype == own.weight.grad.dtype == rl.float16
    pairs = [(y, z), (a.grad, b.grad)]
    for expected, found in pairs:
        error = np.abs(expected.numpy(force=True)[mine] - found.numpy(force=True)).max()
        assert error <= 0.01 * np.abs(expected.numpy(force=True)).max()
    assert np.abs(own.running_var.numpy() - whole.running_var.numpy()).max() < 2e-3


def check_batch_norm_refuses(joined: Any) -> None:
    layer = nn.SyncBatchNorm(2)
    with pytest.raises(ValueError, match="got 1 in all processes"):
        layer(rl.zeros(int(joined.rank == 0), 2))
    x = rl.randn(4, 2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="expected a first derivative"):
        rl.autograd.grad(layer(x).square().sum(), x, create_graph=True)


def check_init(joined: Any) -> None:
    assert init() is joined and init("mpi") is joined
    assert (rank(), size()) == (joined.rank, joined.size)
    with pytest.raises(RuntimeError, match="init: got local, expected mpi, joined"):
        init("local")


def check_gradients(joined: Any) -> None:
    _compare(joined, nn.CrossEntropyLoss(), 8)


def check_ragged(joined: Any) -> None:
    _compare(joined, nn.CrossEntropyLoss(), 7)


def check_empty_shard(joined: Any) -> None:
    _compare(joined, nn.CrossEntropyLoss(), 1)


def check_small_buckets(joined: Any) -> None:
    _compare(joined, nn.CrossEntropyLoss(), 7, bucket_bytes=1)


def check_large_gradients(joined: Any) -> None:
    """Each is sent from where it lies, and two ranks exchange them."""
    before, shared = (buckets.LARGE, mpi.EXCHANGED), joined._shared
    try:
        joined._shared = None
        for large in (1, 100):  # 100: some of them
            buckets.LARGE, mpi.EXCHANGED = large, 1
            for count in (7, 1):
                _compare(joined, nn.CrossEntropyLoss(), count)
            w, apart, other = (rl.ones(n, dtype=rl.float64, requires_grad=True) for n in (40, 5, 9))
            averager = GradientAverager([w, apart, other])
            loss = (w * 2).mean() if joined.rank else (w * 2).mean() + apart.sum()
            kept = averager.backward(loss, joined.rank + 1)
            assert kept is None and other.grad is None
            total = sum(range(1, joined.size + 1))
            assert np.abs(w.grad.numpy() - 0.05).max() < 1e-15
            assert np.abs(apart.grad.numpy() - 1 / total).max() < 1e-15
            averager.close()
    finally:
        (buckets.LARGE, mpi.EXCHANGED), joined._shared = before, shared


def check_beside(joined: Any) -> None:
    w = rl.ones(3, requires_grad=True)
    averager = GradientAverager([w])
    numbers = np.array([1.0, joined.rank])
    averager.backward(w.sum(), beside=numbers)
    assert numbers.tolist() == [joined.size, joined.size * (joined.size - 1) / 2]
    averager.close()


def check_class_weights(joined: Any) -> None:
    weights = np.array([0.2, 3.0, 1.0])
    loss = nn.CrossEntropyLoss(weight=rl.tensor(weights))
    _compare(joined, loss, 9, lambda y: float(weights[y].sum()))


def check_accumulation(joined: Any) -> None:
    x, y = _data(12)
    whole, own = _net(), _net()
    loss = nn.CrossEntropyLoss()
    loss(whole(rl.tensor(x)), rl.tensor(y)).backward()
    averager = GradientAverager(own)
    averager.timeline = []
    x, y = x[joined.rank :: joined.size], y[joined.rank :: joined.size]
    cut = 1 + joined.rank % 2
    averager.backward(loss(own(rl.tensor(x[:cut])), rl.tensor(y[:cut])), cut, more=True)
    assert not averager.timeline  # nothing was sent
    averager.backward(loss(own(rl.tensor(x[cut:])), rl.tensor(y[cut:])), len(x) - cut)
    _equal(own, whole)


def check_sum(joined: Any) -> None:
    x, y = _data(7)
    whole, own = _net(), _net()
    loss = nn.CrossEntropyLoss(reduction="sum")
    loss(whole(rl.tensor(x)), rl.tensor(y)).backward()
    x, y = x[joined.rank :: joined.size], y[joined.rank :: joined.size]
    GradientAverager(own).backward(loss(own(rl.tensor(x)), rl.tensor(y)), mean=False)
    _equal(own, whole)


def check_overlap(joined: Any) -> None:
    x, y = _data(8)
    model = _net()
    averager = GradientAverager(model, bucket_bytes=1)
    for step in range(2):
        averager.timeline = []
        averager.backward(nn.CrossEntropyLoss()(model(rl.tensor(x)), rl.tensor(y)), 8)
        what = [(name, bucket) for name, bucket, _ in averager.timeline]
        walked = what.index(("walked", -1))  # the last bucket goes behind backward, of all nets
        assert what.index(("sent", 4)) < walked < what.index(("sent", 5)), step
        assert [bucket for name, bucket in what if name == "sent"] == list(range(6))
    first = np.array(next(t for name, b, t in averager.timeline if (name, b) == ("sent", 0)))
    last = next(t for name, b, t in averager.timeline if (name, b) == ("sent", 4))
    assert first < last  # the first was on its way while backward went on


def check_unused_parameters(joined: Any) -> None:
    a, b, c = (rl.tensor([2.0], requires_grad=True) for _ in range(3))
    averager = GradientAverager([a, b, c])
    loss = (a * 3).sum() if joined.rank else (b * 5).sum()
    averager.backward(loss, 1)
    others = joined.size - 1
    assert a.grad.item() == pytest.approx(3 * others / joined.size)
    assert b.grad.item() == pytest.approx(5 / joined.size)
    assert c.grad is None  # of no rank: the optimizer leaves it out


def check_used_twice(joined: Any) -> None:
    w = rl.tensor([2.0, 1.0], requires_grad=True)
    seen = []
    w.register_post_accumulate_grad_hook(lambda w: seen.append(w.grad.tolist()))
    averager = GradientAverager([w])
    averager.backward(((w * w).sum() + w.sum()).mean(), 1)
    assert w.grad.tolist() == [5.0, 3.0] and seen == [[5.0, 3.0]]


def check_given_twice(joined: Any) -> None:
    before = buckets.LARGE
    try:
        for buckets.LARGE in (1, 1 << 16):
            w = rl.ones(3, requires_grad=True)
            GradientAverager([w, w]).backward((w * 2).sum(), joined.rank + 1)
            assert w.grad.tolist() == pytest.approx([2.0] * 3)
    finally:
        buckets.LARGE = before


def check_no_loss_counts_nothing(joined: Any) -> None:
    w = rl.ones(3, requires_grad=True)
    GradientAverager([w]).backward(None if joined.rank else (w * 2).sum(), 4)
    assert w.grad.tolist() == [2.0] * 3


def check_loss_of_several_numbers(joined: Any) -> None:
    w = rl.ones(3, requires_grad=True)
    with pytest.raises(ShapeError, match=r"backward: got a loss \(3,\), expected one number"):
        GradientAverager([w]).backward(w * 2, 3)


def check_gradients_that_are_there(joined: Any) -> None:
    """A step adds to them, as any backward does; of what was averaged nothing is counted again."""
    for options in ({}, {"compress": "float16"}):
        w, apart = (rl.ones(n, dtype=rl.float64, requires_grad=True) for n in (3, 2))
        averager = GradientAverager([w, apart], **options)
        averager.backward(w.sum() + apart.sum(), joined.rank + 1)
        first = w.grad
        averager.backward((w * 2).sum(), 1, more=True)
        averager.backward((w * 4).sum(), 3)
        assert w.grad is first and w.grad.tolist() == [4.5] * 3 and apart.grad.tolist() == [1.0] * 2
        averager.close()


def check_exceptions(joined: Any) -> None:
    """What a step has sent before it failed does not reach the next one."""
    before = buckets.LARGE
    options: Any
    try:
        for options, mode in itertools.product(({}, {"compress": "float16"}), (False, True)):
            buckets.LARGE = 1
            chain = [rl.ones(10_000, dtype=rl.float64, requires_grad=True) for _ in range(4)]
            averager = GradientAverager(chain, **options)
            with deterministic_algorithms(mode):
                for _ in range(3):
                    loss = _product(chain)
                    handle = chain[0].register_hook(_fail)
                    with pytest.raises(ValueError, match="in a hook"), joined.together():
                        averager.backward(loss, 2)
                    handle.remove()
                    assert all(p.grad is None for p in chain)
                averager.backward(_product(chain), 3)
            for p in chain:
                assert np.abs(p.grad.numpy() - 1.0).max() < 1e-12
            averager.close()
    finally:
        buckets.LARGE = before


def _product(chain: list[Any]) -> Any:
    """Return a loss whose gradients come one after the other, that of the first one last."""
    found = chain[0] * 1.0
    for p in chain[1:]:
        found = found * p
    return found.sum()


def _fail(gradient: Any) -> None:
    raise ValueError("in a hook")


def check_same_bits(joined: Any) -> None:
    x, y = _data(11)
    found = set()
    for _ in range(3):
        model = _net()
        a, b = x[joined.rank :: joined.size], y[joined.rank :: joined.size]
        averager = GradientAverager(model)
        averager.backward(nn.CrossEntropyLoss()(model(rl.tensor(a)), rl.tensor(b)), len(a))
        found.add(b"".join(p.grad.numpy().tobytes() for p in model.parameters()))
    assert len(found) == 1 and len(set(joined.gather_objects(found.pop()))) == 1


def check_training(joined: Any) -> None:
    x, y = _data(13)
    loss, whole, own = nn.CrossEntropyLoss(), _net(), _net()
    if joined.rank:
        with rl.no_grad():
            for p in own.parameters():
                p.add_(1.0)
    broadcast_model(own)
    steps = [rl.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (whole, own)]
    averager = GradientAverager(own)
    sampler = DistributedSampler(range(13), seed=4)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for optimizer in steps:
            optimizer.zero_grad()
        loss(whole(rl.tensor(x)), rl.tensor(y)).backward()
        mine = list(sampler)
        averager.backward(loss(own(rl.tensor(x[mine])), rl.tensor(y[mine])), len(mine))
        for optimizer in steps:
            optimizer.step()
    for p, q in zip(own.parameters(), whole.parameters(), strict=True):
        assert np.abs(p.numpy(force=True) - q.numpy(force=True)).max() < 1e-12


def check_sampler(joined: Any) -> None:
    for count in (0, 1, 7, 16):
        for shuffle in (True, False):
            sampler = DistributedSampler(range(count), shuffle=shuffle, seed=5)
            orders = []
            for epoch in (0, 1, 0):
                sampler.set_epoch(epoch)
                found = joined.gather_objects(list(sampler))
                assert sorted(index for part in found for index in part) == list(range(count))
                assert len(found[joined.rank]) == len(sampler)
                orders.append(found)
            assert orders[0] == orders[2] and (orders[0] != orders[1]) == (shuffle and count > 1)


def check_another_model(joined: Any) -> None:
    odd = joined.size - 1
    model = nn.Linear(3, 2 if joined.rank != odd else 4)
    with pytest.raises(
        ValueError, match=rf"got weight: .*rank {odd} has 'float32 \(4, 3\), trained'"
    ):
        broadcast_model(model)


def check_agree(joined: Any) -> None:
    agree("fit", {"samples": 7})
    with pytest.raises(ValueError, match=rf"on {joined.size} ranks: got samples: .*rank 0 has 0"):
        agree("fit", {"version": "1", "samples": joined.rank})


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
