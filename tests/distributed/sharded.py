"""What several processes check of optimizer state that each has a part of."""

from __future__ import annotations

import copy
import inspect
import math
import pathlib
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import collect, main
from tests.distributed.training import _alone, _close, _data, _fit, _net, _once, _same

import rushlight as rl
from rushlight import nn
from rushlight.distributed import GradientAverager, shard
from rushlight.distributed.scattered import PartBucket, PartSingle
from rushlight.errors import ShapeError
from rushlight.optim import Optimizer
from rushlight.train import EMA, CheckGradients, Checkpoint, EarlyStopping, Switch, Trainer

KINDS = {
    name: kind
    for name, kind in vars(rl.optim).items()
    if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer
}
WHOLE = ("Adafactor", "LBFGS", "Muon")
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {"momentum": 0.5}],
    "Adam": [{}, {"amsgrad": True}, {"weight_decay": 0.1, "maximize": True}],
    "RMSprop": [{}, {"momentum": 0.9, "centered": True}],
}


def _model(dtype: Any = rl.float64) -> nn.Sequential:
    rl.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 17), nn.Tanh(), nn.Linear(17, 3)).to(dtype)


def _batch(joined: Any, step: int = 0) -> tuple[Any, Any]:
    """Return this rank's share of 13 samples."""
    numbers = np.random.default_rng(step)
    x, y = numbers.normal(size=(13, 6)), numbers.integers(0, 3, 13)
    return x[joined.rank :: joined.size], y[joined.rank :: joined.size]


class Pair:
    """One model with an optimizer whose state is sharded, one with a whole one."""

    def __init__(self, make: Any, model: Any = _model, **options: Any) -> None:
        self.models = [model(), model()]
        self.optimizers = [make(each) for each in self.models]
        self.averagers = [GradientAverager(each, **options) for each in self.models]
        shard(self.optimizers[1], self.averagers[1])

    def step(self, joined: Any, step: int, limit: float | None = None) -> None:
        x, y = _batch(joined, step)
        for model, optimizer, averager in zip(
            self.models, self.optimizers, self.averagers, strict=True
        ):
            optimizer.zero_grad()
            x = x.astype(model[0].weight.numpy(force=True).dtype)
            loss = nn.CrossEntropyLoss()(model(rl.tensor(x)), rl.tensor(y))
            averager.backward(loss, len(x))
            if limit is not None:
                averager.clip_grad_norm_(limit)
            optimizer.step()

    def check(self, bound: float) -> None:
        """Hold weights and states equal; to the bit where `bound` is 0."""
        for p, q in zip(self.models[0].parameters(), self.models[1].parameters(), strict=True):
            assert np.abs(p.numpy(force=True) - q.numpy(force=True)).max(initial=0) <= bound
        whole, found = (each.state_dict() for each in self.optimizers)
        assert repr(whole["param_groups"]) == repr(found["param_groups"])
        assert list(whole["state"]) == list(found["state"])
        for key, entry in whole["state"].items():
            assert list(entry) == list(found["state"][key])
            for name, value in entry.items():
                a, b = value.numpy(), found["state"][key][name].numpy()
                assert (a.shape, a.dtype) == (b.shape, b.dtype), name
                assert np.abs(a - b).max(initial=0) <= bound * max(1, np.abs(a).max(initial=0))


def _bound(joined: Any) -> float:
    """Return how far results may be apart: two ranks add up in no other order."""
    return 0.0 if joined.size == 2 else 1e-12


def check_every_optimizer(joined: Any) -> None:
    assert set(WHOLE) < set(KINDS)
    for name in sorted(set(KINDS) - {*WHOLE}):
        for options in OPTIONS.get(name, [{}]):
            pair = Pair(lambda m, n=name, o=options: KINDS[n](m.parameters(), lr=0.01, **o))
            for step in range(4):
                pair.step(joined, step)
            pair.check(_bound(joined))


def check_small_buckets_and_float32(joined: Any) -> None:
    pair = Pair(lambda m: rl.optim.Adam(m.parameters()), bucket_bytes=100)
    pair.step(joined, 0)
    pair.check(_bound(joined))
    single = Pair(lambda m: rl.optim.Adam(m.parameters()), lambda: _model(rl.float32))
    single.step(joined, 0)
    single.check(0 if joined.size == 2 else 1e-6)


def check_large_parameters(joined: Any) -> None:
    """They are added up where they lie."""

    for turned in (False, True):

        def model(turned: bool = turned) -> Any:
            rl.manual_seed(3)
            net = nn.Sequential(nn.Linear(6, 4000), nn.Tanh(), nn.Linear(4000, 3)).to(rl.float64)
            if turned:  # its own step is that of other kernels, in the last bit
                array = np.asfortranarray(net[2].weight.numpy(force=True))
                net[2].weight.data = rl.from_numpy(array)
            return net

        pair = Pair(lambda m: rl.optim.Adam(m.parameters()), model)
        assert {type(bucket) for bucket in pair.averagers[1]._buckets} == {PartBucket, PartSingle}
        for step in range(3):
            pair.step(joined, step)
        pair.check(1e-12 if turned else _bound(joined))
        pair.step(joined, 3, limit=0.01)
        pair.check(1e-12)


def check_memory(joined: Any) -> None:
    pair = Pair(lambda m: rl.optim.Adam(m.parameters()), lambda: nn.Sequential(nn.Linear(6, 999)))
    x, y = _batch(joined)
    for model, optimizer, averager in zip(
        pair.models, pair.optimizers, pair.averagers, strict=True
    ):
        averager.backward(nn.CrossEntropyLoss()(model(rl.tensor(x).float()), rl.tensor(y)), len(x))
        optimizer.step()

    def held(state: Any) -> int:
        return sum(value.numpy().nbytes for entry in state.values() for value in entry.values())

    whole, own = held(pair.optimizers[0].state), held(pair.optimizers[1]._shards.inner.state)
    assert not pair.optimizers[1].state and whole == 2 * (7 * 999 * 4 + 4)
    assert own <= whole / joined.size + 32
    arrays = sum(joined.gather_objects(own)) - whole
    assert 0 <= arrays <= 4 * 2 * joined.size  # only the counts of steps lie on several ranks


def check_groups_schedules_and_clipping(joined: Any) -> None:
    def make(model: Any) -> Any:
        first, last = model[0], model[2]
        groups = [
            {"params": first.parameters(), "lr": 0.1, "momentum": 0.5},
            {"params": [last.weight], "weight_decay": 0.1},
        ]
        optimizer = rl.optim.SGD(groups, lr=0.05, momentum=0.9)
        optimizer.add_param_group({"params": last.bias, "maximize": True})
        return optimizer

    pair = Pair(make)
    schedulers = [rl.optim.lr_scheduler.StepLR(o, 2, 0.5) for o in pair.optimizers]
    for step in range(6):
        pair.step(joined, step, limit=0.2)
        for scheduler in schedulers:
            scheduler.step()
        if step == 3:
            for optimizer in pair.optimizers:
                optimizer.param_groups[1]["nesterov"] = True
    assert pair.optimizers[1].param_groups[0]["lr"] == 0.0125
    pair.check(1e-12)


def check_norms(joined: Any) -> None:
    for norm_type in (2.0, 1.0, math.inf, 3.0):
        pair = Pair(lambda m: rl.optim.SGD(m.parameters()))
        x, y = _batch(joined)
        norms = []
        for model, averager in zip(pair.models, pair.averagers, strict=True):
            loss = nn.CrossEntropyLoss()(model(rl.tensor(x)), rl.tensor(y))
            averager.backward(loss, len(x))
            norms.append(averager.clip_grad_norm_(0.1, norm_type))
        assert norms[1].item() == pytest.approx(norms[0].item(), rel=1e-13)
        assert pair.averagers[1].scattered
        pair.averagers[1].gather_gradients()
        for p, q in zip(pair.models[0].parameters(), pair.models[1].parameters(), strict=True):
            np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=1e-12, atol=1e-15)


def check_parts_of_gradients(joined: Any) -> None:
    """The sum of `.grad` over the ranks is the gradient; a step takes whole ones, too."""
    pair = Pair(lambda m: rl.optim.SGD(m.parameters(), lr=1.0))
    x, y = _batch(joined)
    for model, averager in zip(pair.models, pair.averagers, strict=True):
        averager.backward(nn.CrossEntropyLoss()(model(rl.tensor(x)), rl.tensor(y)), len(x))
    for p, q in zip(pair.models[0].parameters(), pair.models[1].parameters(), strict=True):
        total = joined.all_reduce(q.grad.numpy().copy())
        assert np.abs(total - p.grad.numpy()).max() <= _bound(joined)
    pair.averagers[1].gather_gradients()
    for optimizer in pair.optimizers:
        optimizer.step()
    pair.check(_bound(joined))


def check_accumulation(joined: Any) -> None:
    pair = Pair(lambda m: rl.optim.Adam(m.parameters()))
    x, y = _batch(joined)
    for model, optimizer, averager in zip(
        pair.models, pair.optimizers, pair.averagers, strict=True
    ):
        for cut in (slice(0, 1), slice(1, None)):
            a, b = x[cut], y[cut]
            loss = nn.CrossEntropyLoss()(model(rl.tensor(a)), rl.tensor(b))
            averager.backward(loss, len(a), more=cut.stop == 1)
        optimizer.step()
    pair.check(_bound(joined))


def check_odd_parameters(joined: Any) -> None:
    """Scalars, none at all, several dtypes, other strides; unused on some ranks, or on all."""
    rng = np.random.default_rng(0)
    shapes: list[Any] = [(), (0,), (5, 3), (2,), (3, 4), (4,)]

    def make() -> tuple[list[Any], Any, Any]:
        arrays = [np.random.default_rng(1).normal(size=shape) for shape in shapes]
        arrays[2] = np.asfortranarray(arrays[2])
        arrays[3] = arrays[3].astype(np.float32)
        held = [rl.from_numpy(np.asarray(a)).requires_grad_() for a in arrays]
        return held, rl.optim.Adam(held, lr=0.1), GradientAverager(held, bucket_bytes=64)

    one, two = make(), make()
    shard(two[1], two[2])
    cotangents = [rng.normal(size=shape) for shape in shapes]
    for step in range(4):
        for held, optimizer, averager in (one, two):
            optimizer.zero_grad()
            used = [0, 1, 2, 3] + [4] * (joined.rank == 1) + [5] * (step == 2)
            loss = sum((held[i].double() * rl.tensor(cotangents[i])).sum() for i in used)
            averager.backward(loss * (joined.rank + 1), joined.rank + 1)
            optimizer.step()
    for p, q in zip(one[0], two[0], strict=True):
        assert np.abs(p.numpy(force=True) - q.numpy(force=True)).max(initial=0) <= 1e-12
    whole, found = one[1].state_dict()["state"], two[1].state_dict()["state"]
    steps = [float(found[i]["step"]) for i in range(6)]
    assert steps == [float(whole[i]["step"]) for i in range(6)] == [4, 4, 4, 4, 4, 1]
    assert found[1]["exp_avg"].shape == (0,) and found[0]["exp_avg"].shape == ()
    texts = joined.gather_objects([p.numpy(force=True).tobytes() for p in two[0]])
    assert texts.count(texts[0]) == joined.size


def check_state_dict(joined: Any) -> None:
    """A state goes from sharded to whole and back, within a run."""
    pair = Pair(lambda m: rl.optim.AdamW(m.parameters(), lr=0.05, amsgrad=True))
    for step in range(3):
        pair.step(joined, step)
    a, b = pair.optimizers
    states = [copy.deepcopy(each.state_dict()) for each in (a, b)]
    a.load_state_dict(states[1])
    b.load_state_dict(states[0])
    assert not b.state
    for step in range(3, 6):
        pair.step(joined, step)
    pair.check(_bound(joined))
    first = b._shards.state_dict(0)
    assert bool(first["state"]) == joined.first


def check_state_from_before(joined: Any) -> None:
    """An optimizer that has stepped already is sharded; parameters may be written to."""
    pair = Pair(lambda m: rl.optim.SGD(m.parameters(), lr=0.1, momentum=0.9))
    late = [_model(), rl.optim.SGD, None]
    optimizer = rl.optim.SGD(late[0].parameters(), lr=0.1, momentum=0.9)
    averager = GradientAverager(late[0])
    for step in range(4):
        pair.step(joined, step)
        if step == 2:
            shard(optimizer, averager)
        x, y = _batch(joined, step)
        optimizer.zero_grad()
        averager.backward(nn.CrossEntropyLoss()(late[0](rl.tensor(x)), rl.tensor(y)), len(x))
        optimizer.step()
        for model in (*pair.models, late[0]):
            with rl.no_grad():
                model[0].weight.mul_(0.9)
                model[2].bias.data = model[2].bias.data * 0.5
    pair.check(_bound(joined))
    for p, q in zip(pair.models[0].parameters(), late[0].parameters(), strict=True):
        assert np.abs(p.numpy(force=True) - q.numpy(force=True)).max() <= _bound(joined)


def check_frozen_and_thawed(joined: Any) -> None:
    pair = Pair(lambda m: rl.optim.Adam(m.parameters(), lr=0.1))
    for step in range(6):
        if step in (2, 4):
            for i, model in enumerate(pair.models):
                model[0].weight.requires_grad_(step == 4)
                pair.averagers[i].close()
                pair.averagers[i] = GradientAverager(model)
            shard(pair.optimizers[1], pair.averagers[1])
        pair.step(joined, step)
        if step in (1, 3, 5):
            pair.check(_bound(joined))


def check_some_parameters_of_another(joined: Any) -> None:
    """An averager that has more parameters than the optimizer gives all ranks all gradients."""
    one, two = _model(), _model()
    made = []
    for model in (one, two):
        optimizers = [rl.optim.Adam(part.parameters(), lr=0.1) for part in (model[0], model[2])]
        made.append((model, optimizers, GradientAverager(model)))
    shard(made[1][1][0], made[1][2])
    assert not made[1][2].scattered
    x, y = _batch(joined)
    for model, optimizers, averager in made:
        averager.backward(nn.CrossEntropyLoss()(model(rl.tensor(x)), rl.tensor(y)), len(x))
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert np.abs(p.numpy(force=True) - q.numpy(force=True)).max() == 0


def check_refusals(joined: Any) -> None:
    class Own(rl.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    model = nn.Linear(3, 2, bias=False)
    averager = GradientAverager(model)
    for name in WHOLE:
        with pytest.raises(NotImplementedError, match=rf"got {name}, .* elementwise optimizer"):
            shard(KINDS[name](model.parameters()), averager)
    with pytest.raises(NotImplementedError, match=r"got Own, which has a step of its own"):
        shard(Own(model.parameters()), averager)
    optimizer = rl.optim.Adam(model.parameters())
    shard(optimizer, averager)
    with pytest.raises(TypeError, match=r"other processes hold a part of.*state_dict"):
        pickle.dumps(optimizer)
    other = rl.tensor([1.0], requires_grad=True)
    optimizer.add_param_group({"params": [other]})
    other.grad = rl.tensor([1.0])
    with pytest.raises(ValueError, match=r"\(1,\) of a parameter the averager does not know"):
        optimizer.step()
    other.grad = None
    model.weight.data = rl.zeros(2, 2)
    model.weight.grad = rl.zeros(2, 2)
    with pytest.raises(ShapeError, match=r"expected one shape, of 6 elements"):
        optimizer.step()


# ---- the Trainer


def check_trainer(joined: Any) -> None:
    _same(joined, sharded=True, optimizer="adam")
    _same(joined, sharded=True, accumulate=3, clip_norm=0.1, batch_size=5, optimizer="sgd")
    _same(joined, sharded=True, clip_value=0.01, scheduler="cosine", warmup=0.5, validate_every=2)


def check_trainer_keeps_parts(joined: Any) -> None:
    model = _net()
    trainer = Trainer(model, "cross_entropy", progress="none", seed=0, sharded=True)
    trainer.fit(*_data(32), epochs=1, batch_size=16)
    assert not trainer.optimizer.state
    sizes = joined.gather_objects(sum(p.numel() for p in trainer.optimizer._shards.pieces.values()))
    whole = sum(p.numel() for p in model.parameters())
    assert sum(sizes) == whole and max(sizes) <= whole // joined.size + 1
    before = trainer.optimizer._shards
    trainer.fit(*_data(32), epochs=1, batch_size=16)  # goes on with the same parts
    assert trainer.optimizer._shards is before
    assert float(trainer.optimizer.state_dict()["state"][0]["step"]) == 4


def check_callbacks(joined: Any) -> None:
    given = {"sharded": True, "epochs": 3}
    for callbacks in (
        lambda: [EMA(0.9), CheckGradients()],
        lambda: [Switch(at_epoch=2, optimizer="sgd:momentum=0.9"), EarlyStopping(patience=5)],
    ):
        found = _fit(callbacks=callbacks(), **given)
        _close(found, _once(callbacks=callbacks(), **given))


def check_frozen(joined: Any) -> None:
    def thaw(*, trainer: Any, epoch: int) -> None:
        trainer.model[0].weight.requires_grad_(epoch > 1)

    callbacks = [(rl.train.Event.EPOCH_BEGIN, thaw)]
    given = {"callbacks": callbacks, "sharded": True, "epochs": 3}
    _close(_fit(**given), _once(**given))


def check_resume(joined: Any) -> None:
    """Sharded or not, by these ranks or by one process: the file is the same."""
    whole = _fit(epochs=4, sharded=True)
    for number, (before, after) in enumerate([(True, True), (True, False), (False, True)]):
        keeper = Checkpoint(pathlib.Path(sys.argv[1], f"sharded-{number}"))
        _fit(callbacks=[keeper], epochs=2, sharded=before)
        joined.barrier()
        found = _fit(callbacks=[keeper], epochs=4, resume=True, sharded=after)
        _close(found, whole)
        if before and after:  # to the bit
            for name, array in found[1].items():
                assert np.array_equal(array, whole[1][name]), name
    keeper = Checkpoint(pathlib.Path(sys.argv[1], "sharded-alone"))
    _fit(callbacks=[keeper], epochs=2, sharded=True)
    joined.barrier()
    if joined.first:
        _close(_alone(callbacks=[keeper], epochs=3, resume=True), _alone(epochs=3))
    joined.barrier()
    _close(_fit(callbacks=[keeper], epochs=4, resume=True, sharded=True), _once(epochs=4))


def check_trainer_refuses(joined: Any) -> None:
    class Whole(rl.optim.SGD):
        elementwise = False

    with pytest.raises(NotImplementedError, match="got Whole, which looks at parameters as a w"):
        _fit(optimizer=lambda p, **_: Whole(p), sharded=True)
    odd = joined.rank == joined.size - 1
    with pytest.raises(ValueError, match=r"got sharded: .*rank \d has (True|False)"):
        _fit(sharded=odd)


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
