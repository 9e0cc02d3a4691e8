"""What several processes check of what people do around a `fit`: callbacks, sweeps, estimators."""

from __future__ import annotations

import collections
import json
import pathlib
import sys
import time
import warnings
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import collect, main
from tests.distributed.training import _alone, _close, _data, _fit, _net, _same

import rushlight as rl
from rushlight import comm, nn
from rushlight.cli.recipes import run
from rushlight.data import MNIST, DataLoader, IterableDataset, TensorDataset
from rushlight.train import (
    EMA,
    Callback,
    CheckGradients,
    Diagnostics,
    EarlyStopping,
    Switch,
    Trainer,
    find_lr,
)


def check_diagnostics(joined: Any) -> None:
    found = []
    for fit in (_fit, _alone):
        folder = pathlib.Path(sys.argv[1], fit.__name__)
        look = Diagnostics(folder if fit is _fit or joined.first else None)
        fit(callbacks=[look], model=_net(nn.Sigmoid()))
        found.append(look.records)
    joined.barrier()
    assert json.loads((folder.parent / "_fit" / "diagnostics.json").read_text())["epochs"]
    for record, wanted in zip(*found, strict=True):
        for path, layer in wanted["layers"].items():
            got = record["layers"][path]
            for name, value in layer.items():
                if name != "histograms":
                    same = value if isinstance(value, str) else pytest.approx(value, rel=1e-9)
                    assert got[name] == same, (path, name)


def check_gradients_are_watched(joined: Any) -> None:
    _same(joined, callbacks=[CheckGradients()])
    _same(joined, callbacks=[CheckGradients()], sharded=True, optimizer="adam")


def check_callbacks(joined: Any) -> None:
    sgd = "sgd:momentum=0.9"
    for make in (
        lambda: {"callbacks": [EMA(0.9)]},
        lambda: {"callbacks": [EarlyStopping(patience=1)], "epochs": 8, "optimizer": "sgd"},
        lambda: {"scheduler": "plateau:patience=0", "epochs": 8, "optimizer": "sgd"},
        lambda: {"callbacks": [Switch(at_epoch=2, optimizer=sgd, lr=0.01, accumulate=2)]},
        lambda: {"callbacks": [Switch(at_step=3, optimizer=sgd, lr=0.01)], "sharded": True},
    ):
        _close(_fit(**make()), _alone(**make()))


def check_one_rank_stops(joined: Any) -> None:
    """Told by one rank alone, and there is a limit, too: all end there, with one history."""
    for odd in (0, joined.size - 1):

        class Stop(Callback):
            rank = odd

            def on_batch_end(self, *, trainer: Any, epoch: int, batch: int, loss: float) -> None:
                if joined.rank == self.rank and epoch == 2:
                    trainer.stop("enough")

        trainer = Trainer(
            _net(), "cross_entropy", callbacks=[Stop()], max_steps=1000, seed=0, progress="none"
        )
        trainer.fit(*_data(20), epochs=5, batch_size=8)
        assert len(trainer.history) == 2
        assert (trainer.stopped, trainer.history.stopped) == ("enough", "enough")


def check_loader_within_a_callback(joined: Any) -> None:
    x, y = (rl.tensor(a) for a in _data(30))
    generator = rl.Generator()  # of the system's entropy
    loader = DataLoader(TensorDataset(x, y), 8, shuffle=True, generator=generator)
    ordered = DataLoader(TensorDataset(x, y), 8)
    seen = []

    class Look(Callback):
        def on_epoch_end(self, *, trainer: Any, epoch: int, record: Any) -> None:
            if joined.first:
                assert len(trainer.predict(ordered)) == 30
                seen.append((trainer.evaluate(loader)["loss"], record["val_loss"]))
                assert sum(len(y) for _, y in loader) == 30

    _fit(data=(ordered,), validation=loader, batch_size=None, callbacks=[Look()], lr=0.001)
    assert len(seen) == 2 * joined.first
    for own, shared in seen:
        assert own == pytest.approx(shared, rel=1e-9)


def check_untracked_norm_within_a_callback(joined: Any) -> None:
    x, y = _data(16)

    class Look(Callback):
        def on_epoch_end(self, *, trainer: Any, epoch: int, record: Any) -> None:
            if joined.first:
                trainer.evaluate(x, y)
                trainer.predict(x)

    model = nn.Sequential(
        nn.Flatten(), nn.BatchNorm1d(64, track_running_stats=False), nn.Linear(64, 3)
    )
    _fit(data=(x, y), model=model.to(rl.float64), callbacks=[Look()])


def check_seedless_loader(joined: Any) -> None:
    x, y = (rl.tensor(a) for a in _data(24))
    rows: list[float] = []

    class Note(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.below = nn.Linear(64, 3).to(rl.float64)

        def forward(self, x: Any) -> Any:
            if self.training:
                rows.extend(x.flatten(1)[:, 0].tolist())
            return self.below(x.flatten(1))

    generator = rl.Generator()  # of the system's entropy
    loader = DataLoader(TensorDataset(x, y), 8, shuffle=True, generator=generator)
    _fit(data=(loader,), model=Note(), batch_size=None, validation=None, epochs=1)
    every = [row for each in joined.gather_objects(rows) for row in each]
    assert sorted(every) == sorted(x.numpy().reshape(24, -1)[:, 0].tolist())


class _Stream(IterableDataset):
    def __init__(self, count: int) -> None:
        self.x, self.y = _data(count)

    def __iter__(self) -> Any:
        return iter(zip(map(rl.tensor, self.x), map(rl.tensor, self.y), strict=True))


def check_stream(joined: Any) -> None:
    for drop in (False, True):
        given = {"batch_size": None, "validation": _Stream(9)}
        runs = [
            fit(data=(DataLoader(_Stream(21), 8, drop_last=drop),), **given)
            for fit in (_fit, _alone)
        ]
        _close(*runs)


Pair = collections.namedtuple("Pair", ["x", "y"])


def check_forms_of_batches(joined: Any) -> None:
    x, y = (rl.tensor(a) for a in _data(24))
    pairs = [Pair(a, b) for a, b in zip(x, y, strict=True)]
    given = {"batch_size": None, "validation": None}
    _close(*(fit(data=(DataLoader(pairs, 6),), **given) for fit in (_fit, _alone)))
    whole = [(x[:9], y[:9]), (x[9:], y[9:])]
    _close(*(fit(data=(DataLoader(whole, None),), **given) for fit in (_fit, _alone)))
    single = list(zip(rl.randn(8, 4, dtype=rl.float64), rl.randn(8, dtype=rl.float64), strict=True))
    line = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)).to(rl.float64)
    with pytest.raises((TypeError, ValueError), match="rows"):
        _fit("mse", data=(DataLoader(single, None),), model=line, **given)
    dicts = [{"x": a, "y": b} for a, b in pairs]
    with pytest.raises(TypeError, match="a batch of dict"):
        _fit(data=(DataLoader(dicts, 6),), **given)


def check_fewer_samples_than_ranks(joined: Any) -> None:
    x, y = _data(5)
    weights = np.random.default_rng(1).uniform(0.1, 2, 5)
    for given in ({}, {"fit": {"sample_weight": weights}}, {"accumulate": 2}, {"sharded": True}):
        given |= {"data": (x, y), "batch_size": 1, "validation": (x[:1], y[:1])}
        _close(*(fit(model=_plain(), **given) for fit in (_fit, _alone)))


def _plain() -> Any:
    rl.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Dropout(0.5)).to(rl.float64)


def check_resume_with_callbacks(joined: Any) -> None:
    """Broken off within an epoch by one process, and by all; gone on with by the other."""

    def given(fit: Any, epochs: int = 4, **more: Any) -> Any:
        look = Diagnostics()
        callbacks = [EMA(0.9), EarlyStopping(patience=5), look, Switch(at_epoch=3, lr=0.005)]
        made = {"optimizer": "sgd:momentum=0.9", "sharded": True, "accumulate": 2, "batch_size": 5}
        found = fit(callbacks=callbacks, epochs=epochs, **made, **more)
        return found, [record["layers"]["1"]["mean"] for record in look.records]

    whole = given(_alone)
    for name, first, second in (("of_one", _alone, _fit), ("of_all", _fit, _alone)):
        folder = pathlib.Path(sys.argv[1], name)
        if joined.first or first is _fit:
            given(first, out=folder, max_steps=6)
        joined.barrier()
        if joined.first or second is _fit:
            again = given(second, out=folder, resume=True)
            _close(again[0], whole[0])
            assert again[1] == pytest.approx(whole[1], rel=1e-9)


def check_find_lr(joined: Any) -> None:
    x, y = _data(40)

    def sweep(**given: Any) -> Any:
        trainer = Trainer(_net(), "cross_entropy", "adam", seed=0, progress="none", **given)
        if given:
            trainer.fit(x, y, epochs=1, batch_size=16)
        found = find_lr(trainer, x, y, batch_size=16, steps=30, end=1e6)
        trainer.fit(x, y, epochs=1, batch_size=16)
        return found, [a.numpy(force=True).copy() for a in trainer.model.parameters()]

    found, weights = sweep()
    assert len({repr(each) for each in joined.gather_objects((found, weights))}) == 1
    comm.use(comm.LocalCommunicator())
    wanted, expected = sweep()
    comm.use(joined)
    assert found.losses[:10] == pytest.approx(wanted.losses[:10], rel=1e-9)
    assert found.suggestion == pytest.approx(wanted.suggestion)
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    sweep(sharded=True)


def check_estimator(joined: Any) -> None:
    sklearn = pytest.importorskip("rushlight.sklearn")
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    np.random.seed(joined.rank)  # noqa: NPY002 (sklearn's own: unlike, as without a seed)
    for given in ({}, {"early_stopping": True}, {"batch_norm": True}, {"random_state": 3}):
        net = sklearn.NetClassifier(max_iter=3, batch_size=16, **given).fit(x, y)
        found = joined.gather_objects(net.predict_proba(x).tobytes())
        assert found.count(found[0]) == joined.size


def check_sample_warning_comes_once(joined: Any) -> None:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        patch.delenv("RUSHLIGHT_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", sys.argv[1])
        warnings.simplefilter("always")
        assert MNIST(train=False, download=False).source == "sample"
    assert len(caught) == joined.first


def check_first_loads_first(joined: Any) -> None:
    made = pathlib.Path(sys.argv[1], "downloaded")

    def load() -> Any:
        if joined.first:
            time.sleep(0.2)
            made.write_text("data")
        return made.read_text()

    assert run._in_turn(load) == "data"


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
