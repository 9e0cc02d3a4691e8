"""What several processes check of gradients that are sent as float16."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import collect, main
from tests.distributed.training import _alone, _close, _fit, _net

import rushlight as rl
from rushlight import comm
from rushlight.comm import MPICommunicator, Request
from rushlight.distributed import GradientAverager, shard
from rushlight.distributed.half import HalfBucket
from rushlight.train import Checkpoint


class Counting(MPICommunicator):
    """Counts the bytes of arrays that this rank must send to others, at the very least."""

    sent = 0

    def start_all_reduce(self, array: Any, op: str = "sum") -> Request:
        self.sent += 2 * array.nbytes * (self.size - 1) // self.size
        return super().start_all_reduce(array, op)

    def start_reduce_scatter(self, array: Any, cuts: Sequence[int]) -> Request:
        self.sent += array.nbytes * (self.size - 1) // self.size
        return super().start_reduce_scatter(array, cuts)

    def start_all_to_all(self, array: Any, cuts: Sequence[int], into: Any) -> Request:
        own = cuts[self.rank + 1] - cuts[self.rank]
        self.sent += array.nbytes - own * array.itemsize
        return super().start_all_to_all(array, cuts, into)

    def start_all_gather(self, array: Any, cuts: Sequence[int]) -> Request:
        own = cuts[self.rank + 1] - cuts[self.rank]
        self.sent += own * array.itemsize * (self.size - 1)
        return super().start_all_gather(array, cuts)


class Given:
    """Parameters of which each rank has the gradients it is given."""

    def __init__(self, *shapes: Any, dtype: Any = np.float32, **options: Any) -> None:
        self.held = [rl.from_numpy(np.zeros(shape, dtype)).requires_grad_() for shape in shapes]
        self.averager = GradientAverager(self.held, **{"compress": "float16"} | options)

    def average(self, *gradients: Any, count: float = 1.0) -> list[Any]:
        """Return the averages of gradients, one for each parameter; None for none."""
        terms = [
            (p * rl.from_numpy(np.asarray(g, p.numpy(force=True).dtype))).sum()
            for p, g in zip(self.held, gradients, strict=True)
            if g is not None
        ]
        for p in self.held:
            p.grad = None
        self.averager.backward(sum(terms[1:], terms[0]) if terms else None, count)
        return [None if p.grad is None else p.grad.numpy().copy() for p in self.held]

    def forget(self) -> None:
        """Leave feedback out."""
        for pair in self.averager.residuals():
            for array in pair:
                array[:] = 0


def _numbers(joined: Any, size: int, seed: int = 0) -> tuple[Any, Any]:
    """Return the gradient of this rank and the mean of all, float32."""
    each = [
        np.random.default_rng([seed, rank]).normal(size=size).astype(np.float32)
        for rank in range(joined.size)
    ]
    return each[joined.rank], np.mean(each, 0, dtype=np.float64)


def check_bytes(joined: Any) -> None:
    """Half of the bytes, and for optimizers that are sharded half of those of gradients."""
    counted = Counting()
    sizes = [(300, 200), (200,), (200, 50)]
    plain = 4 * 70_200
    for sharded, wanted in ((False, 2.0), (True, 4 / 3)):
        sent = []
        for compress in (None, "float16"):
            given = Given(*sizes, compress=compress, communicator=counted)
            if sharded:
                optimizer = rl.optim.SGD(given.held)
                shard(optimizer, given.averager)
            counted.sent = 0
            given.average(*[np.ones(shape) for shape in sizes])
            if sharded:
                optimizer.step()
            sent.append(counted.sent)
        share = (joined.size - 1) / joined.size
        assert sent[0] == pytest.approx(2 * share * plain, rel=0.001)
        assert sent[0] / sent[1] == pytest.approx(wanted, rel=0.002)


def check_rounding(joined: Any) -> None:
    """One average is right to two roundings, and the same bits on all ranks."""
    for size in (1, 3, 1000, 70_000):
        own, mean = _numbers(joined, size)
        (found,) = Given(size).average(own)
        largest = max(np.abs(_numbers(joined, size)[0]).max(), np.abs(mean).max(), 3)
        assert found.dtype == np.float32
        assert np.abs(found - mean).max() <= largest * 2.0**-10
        texts = joined.gather_objects(found.tobytes())
        assert texts.count(texts[0]) == joined.size


def check_several_buckets_and_dtypes(joined: Any) -> None:
    """Float64 is compressed, float16 sent as it is; buckets are under way side by side."""
    shapes = [(50, 3), (7,), (), (40,), (0,), (33,)]
    given = Given(*shapes, bucket_bytes=100)
    given.held[1].data = given.held[1].data.double()
    given.held[3].data = given.held[3].data.half()
    given.averager = GradientAverager(given.held, bucket_bytes=100, compress="float16")
    kinds = {b.parameters[0].dtype: isinstance(b, HalfBucket) for b in given.averager._buckets}
    assert kinds == {rl.float32: True, rl.float64: True, rl.float16: False}
    for step in range(3):
        own = [np.full(shape, 1.0 + joined.rank + step) for shape in shapes]
        mean = (joined.size + 1) / 2 + step
        for found in given.average(*own):
            assert np.abs(found - mean).max(initial=0) <= 0.01


def check_feedback(joined: Any) -> None:
    """What is averaged over T steps is off by 1 / T of one rounding; without feedback by one."""
    for size in (1000, 20_000):  # the second is added up where it lies
        _feedback(joined, size)


def _feedback(joined: Any, size: int) -> None:
    own, mean = _numbers(joined, size)
    errors = []
    for feedback in (True, False):
        given, total = Given(size), np.zeros(size)
        for _ in range(64):
            total += given.average(own)[0]
            if not feedback:
                given.forget()
        errors.append(np.abs(total / 64 - mean).max())
        if feedback:
            kept = given.averager.residuals()[0]
            assert max(np.abs(array).max(initial=0) for array in kept) <= 2.0**-9
    assert errors[0] < 1e-4 and errors[1] > 20 * errors[0]


def check_unequal_counts(joined: Any) -> None:
    """What is kept is in units of the mean: a small batch does not see it many times over."""
    own, mean = _numbers(joined, 500)
    given, total = Given(500), np.zeros(500)
    for step in range(40):
        total += given.average(own, count=1000.0 if step % 2 else 1.0)[0]
    assert np.abs(total / 40 - mean).max() < 1e-4


def check_range(joined: Any) -> None:
    """No overflow, no underflow: the scale follows the gradients, on each rank for itself."""
    own, mean = _numbers(joined, 100)
    for scale in (1e-36, 1e-7, 1e5, 1e36):
        (found,) = Given(100).average(own * np.float32(scale))
        assert np.abs(found / scale - mean).max() <= 0.005
    (found,) = Given(100).average(own * 10.0 ** (12 * joined.rank - 12))  # others of no account
    last = joined.size - 1
    expected = np.random.default_rng([0, last]).normal(size=100) * 10.0 ** (12 * last - 12)
    assert np.abs(found * joined.size / expected - 1).max() <= 2.0**-9
    (found,) = Given(3, dtype=np.float64).average([1e300, -1e300, 0.0])
    assert np.abs(found / 1e300 - [1, -1, 0]).max() <= 2.0**-10
    assert np.array_equal(Given(4).average(np.zeros(4))[0], np.zeros(4))


def check_small_beside_large(joined: Any) -> None:
    """Numbers too small for float16 beside the largest add up until they are seen."""
    given, total = Given(2), np.zeros(2)
    for _ in range(64):
        total += given.average([1.0, 2.0**-43])[0]
    assert total[0] == 64
    assert total[1] == pytest.approx(64 * 2.0**-43, rel=0.1)


def check_not_finite(joined: Any) -> None:
    """Infinity and NaN arrive where they are, and nothing of them stays behind."""
    for sharded in (False, True):
        given = Given(10)
        if sharded:
            shard(rl.optim.SGD(given.held), given.averager)
        bad = np.ones(10)
        if joined.rank == joined.size - 1:
            bad[[1, 4, 8]] = np.nan, np.inf, -np.inf
        given.average(bad)
        given.averager.gather_gradients()
        found = given.held[0].grad.numpy()
        assert np.isnan(found[1]) and found[4] == np.inf and found[8] == -np.inf
        assert np.array_equal(np.delete(found, [1, 4, 8]), np.ones(7))
        given.average(np.ones(10))
        given.averager.gather_gradients()
        assert np.array_equal(given.held[0].grad.numpy(), np.ones(10))
    given = Given(4)
    sign = 1 if joined.rank else -1
    assert np.isnan(given.average([sign * np.inf, 1, 1, 1])[0][0])


def check_absent(joined: Any) -> None:
    """Without a gradient on any rank there is none, and what was kept waits for the next."""
    own, mean = _numbers(joined, 30)
    given, total = Given(30, 30, 30), np.zeros(30)
    for step in range(40):
        some = own if step % 2 else None
        found = given.average(own, some, own if joined.rank else None)
        assert (found[1] is None) == (some is None) and found[2] is not None
        if some is not None:
            total += found[1]
    assert np.abs(total / 20 - mean).max() < 2e-4
    assert Given(3).average(None) == [None]


def check_accumulation(joined: Any) -> None:
    w = rl.tensor([1.0, 2.0], requires_grad=True)
    averager = GradientAverager([w], compress="float16")
    averager.timeline = []
    averager.backward((w * 2).sum(), 1, more=True)
    assert not averager.timeline  # nothing was sent
    averager.backward((w * 4).sum(), 1)
    assert w.grad.tolist() == [3.0, 3.0]
    averager.backward((w * 0.5).sum(), mean=False)


def check_learning(joined: Any) -> None:
    """Ranks whose gradients are large and cancel out: feedback finds the minimum, else not."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32 * joined.size, 6)).astype(np.float32)
    y = (x @ rng.normal(size=6)).astype(np.float32)
    y += np.repeat(np.arange(joined.size) % 2 * 600 - 300, 32)  # each rank pulls its own way
    part = slice(32 * joined.rank, 32 * joined.rank + 32)
    best = np.linalg.lstsq(x.astype(float), y.astype(float), rcond=None)[0]
    errors = {}
    for kind in (None, "float16", "forgetful"):
        w = rl.zeros(6, requires_grad=True)
        averager = GradientAverager([w], compress=kind and "float16")
        optimizer = rl.optim.SGD([w], lr=0.15)
        tail = np.zeros(6)
        for step in range(160):
            optimizer.zero_grad()
            averager.backward((rl.tensor(x[part]) @ w - rl.tensor(y[part])).square().mean(), 32)
            optimizer.step()
            if kind == "forgetful":
                for pair in averager.residuals():
                    for array in pair:
                        array[:] = 0
            if step >= 80:
                tail += w.numpy(force=True) / 80
        errors[kind] = np.abs(tail - best).max()
    assert errors[None] < 1e-4 and errors["float16"] < 1e-3
    assert errors["forgetful"] > 10 * errors["float16"]


def check_trainer(joined: Any) -> None:
    """The loss is that of whole gradients, nearly; sharded or not."""
    given = {"epochs": 4, "optimizer": "sgd:momentum=0.9", "clip_norm": 10.0}
    whole = _fit(**given)
    for sharded in (False, True):
        found = _fit(compress="float16", sharded=sharded, **given)
        _close(found, whole, 0.02)
        assert found[0] != whole[0]
        texts = joined.gather_objects((repr(found[0]), [a.tobytes() for a in found[1].values()]))
        assert texts.count(texts[0]) == joined.size
    again = _fit(compress="float16", sharded=True, **given)
    assert repr(again[0]) == repr(found[0])  # the same bits from run to run


def check_resume(joined: Any) -> None:
    """Resumed within an epoch, a run gives the bits of the whole one; another may be asked for."""
    for sharded in (False, True):
        given = {"compress": "float16", "sharded": sharded, "epochs": 3}
        whole = _fit(**given)
        keeper = Checkpoint(pathlib.Path(sys.argv[1], f"half-{sharded}"), interval=0, every_steps=1)
        _fit(callbacks=[keeper], **given | {"max_steps": 4})
        joined.barrier()
        found = _fit(callbacks=[keeper], resume=True, **given)
        for name, array in found[1].items():
            assert np.array_equal(array, whole[1][name]), name
    keeper = Checkpoint(pathlib.Path(sys.argv[1], "half-other"))
    given = {"callbacks": [keeper], "optimizer": "sgd", "resume": "auto"}
    half = {"compress": "float16"}
    _fit(epochs=2, **half, **given)
    joined.barrier()
    _fit(epochs=3, **given)  # otherwise asked for
    joined.barrier()
    if joined.first:
        _alone(epochs=4, **half, **given)  # by one process
    joined.barrier()
    found = _fit(epochs=5, sharded=True, **half, **given)
    _close(found, _fit(epochs=5, optimizer="sgd"), 0.01)


def check_residuals_of_other_buckets(joined: Any) -> None:
    one, two = Given(30, 8), Given(30, 8, bucket_bytes=40)
    own, _ = _numbers(joined, 30)
    one.average(own, own[:8])
    assert not two.averager.put_residuals(one.averager.residuals())
    same = Given(30, 8)
    assert same.averager.put_residuals(one.averager.residuals())
    found = [each.average(own, own[:8])[0].tobytes() for each in (one, same)]
    assert found[0] == found[1]


def check_refusals(joined: Any) -> None:
    with pytest.raises(ValueError, match="compress: got 'int8', expected None or 'float16'"):
        GradientAverager(_net(), compress="int8")
    with pytest.raises(ValueError, match="compress: got 'bfloat16', expected None or 'float16'"):
        _fit(compress="bfloat16")
    assert comm.current() is joined


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
