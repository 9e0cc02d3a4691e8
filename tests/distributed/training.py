"""What several processes check of the Trainer: it does what one process does."""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from typing import Any

import numpy as np
import pytest
from tests.distributed.launch import by_first, collect, main

import rushlight as rl
from rushlight import comm, nn
from rushlight.data import DataLoader, TensorDataset
from rushlight.distributed import DistributedSampler
from rushlight.train import Callback, Event, Metric, Trainer


def _net(*layers: Any, seed: int = 0) -> nn.Sequential:
    rl.manual_seed(seed)
    body = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), *layers, nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(144, 3)).to(rl.float64)


def _data(count: int) -> tuple[Any, Any]:
    numbers = np.random.default_rng(count)
    return numbers.normal(size=(count, 1, 8, 8)), numbers.integers(0, 3, count)


def _fit(loss: Any = "cross_entropy", data: Any = None, model: Any = None, **given: Any) -> Any:
    """Train, and return the history without its times, and the weights."""
    fit = {"epochs": 2, "batch_size": 16, "validation": 0.25}
    fit |= {name: given.pop(name) for name in list(given) if name in (*fit, "y", "resume")}
    fit |= given.pop("fit", {})
    model = _net() if model is None else model
    # a bias before batch norm has a gradient of rounding errors: no eps as small as they are
    optimizer = "adam:eps=1e-4"
    made = {"lr": 0.02, "seed": 0, "progress": "none", "optimizer": optimizer} | given
    trainer = Trainer(model, loss, **made)
    trainer.fit(*(_data(50) if data is None else data), **fit)
    history = [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in trainer.history
    ]
    return history, {k: v.numpy(force=True).copy() for k, v in model.state_dict().items()}


def _alone(**given: Any) -> Any:
    """Do the same in this process alone."""
    joined = comm.current()
    comm.use(comm.LocalCommunicator())
    try:
        return _fit(**given)
    finally:
        comm.use(joined)


def _once(**given: Any) -> Any:
    """Do the same in one process, and tell all ranks."""
    return by_first(comm.current(), lambda: _fit(**given))


def _close(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    assert len(found[0]) == len(expected[0])
    for record, wanted in zip(found[0], expected[0], strict=True):
        assert record == pytest.approx(wanted, rel=tolerance, abs=tolerance)
    for name, array in found[1].items():
        np.testing.assert_allclose(array, expected[1][name], rtol=0, atol=tolerance, err_msg=name)


def _same(joined: Any, **given: Any) -> None:
    """Hold a run of several processes equal to that of one, and the ranks to each other."""
    found = _fit(**given)
    _close(found, _once(**given))
    texts = joined.gather_objects((repr(found[0]), [a.tobytes() for a in found[1].values()]))
    assert texts.count(texts[0]) == joined.size


def check_one_process(joined: Any) -> None:
    _same(joined, metrics="accuracy,confusion_matrix,top2", optimizer="sgd:momentum=0.9")


def check_accumulate_and_clip(joined: Any) -> None:
    _same(joined, accumulate=3, clip_norm=0.1, batch_size=5, optimizer="sgd")


def check_clip_value_and_schedule(joined: Any) -> None:
    _same(joined, clip_value=0.01, scheduler="cosine", warmup=0.5, validate_every=2)


def check_weights(joined: Any) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 2, 50)
    fit = {"sample_weight": weights, "class_weight": "balanced"}
    _same(joined, fit=fit, optimizer="sgd")


def check_ignored_and_weighted_classes(joined: Any) -> None:
    x, y = _data(49)
    y[np.arange(49) % 7 < 4] = 2  # in each batch there is a rank with ignored targets only
    y[np.arange(49) % 7 == 6] = 1
    loss = nn.CrossEntropyLoss(weight=rl.tensor(np.array([0.3, 2.0, 1.0])), ignore_index=2)
    fit = {"shuffle": False, "validation": (x, y)}
    _same(joined, loss=loss, data=(x, y), batch_size=7, fit=fit, optimizer="sgd")


def check_sum(joined: Any) -> None:
    _same(joined, loss=nn.CrossEntropyLoss(reduction="sum"), lr=0.001, optimizer="sgd")


def check_regression(joined: Any) -> None:
    x, _ = _data(50)
    runs = []
    for run in (_fit, _alone):
        rl.manual_seed(1)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).to(rl.float64)
        data = (x, x[:, 0, :1, 0])
        runs.append(run(loss="mse", metrics="mae,r2,rmse", data=data, model=model))
    _close(*runs)


def check_seven_samples(joined: Any) -> None:
    x, y = _data(7)  # ragged; of the last batch of three some ranks have none
    _same(joined, data=(x, y), batch_size=4, validation=(x[:3], y[:3]), epochs=3)


def check_loader(joined: Any) -> None:
    x, y = (rl.tensor(a) for a in _data(30))
    loaders = [DataLoader(TensorDataset(x, y), 8, shuffle=True, generator=rl.Generator(4))]
    loaders.append(DataLoader([(a, b) for a, b in zip(x, y, strict=True)], 8))
    for loader in loaders:
        place = loader.state_dict()
        given = {"data": (loader,), "validation": loader, "batch_size": None}
        found = _fit(**given)
        loader.load_state_dict(place)
        _close(found, _once(**given))


def check_without_seed(joined: Any) -> None:
    if joined.rank:
        rl.manual_seed(1000 + joined.rank)  # the order is that of the first rank all the same
    model = _net(nn.Dropout(0.5))
    found = _fit(model=model, seed=None)
    texts = joined.gather_objects((repr(found[0]), found[1]["0.weight"].tobytes()))
    assert texts.count(texts[0]) == joined.size


def check_frozen(joined: Any) -> None:
    class Thaw(Callback):
        def on_epoch_begin(self, *, trainer: Any, epoch: int) -> None:
            trainer.model[0].weight.requires_grad_(epoch > 1)

    found = _fit(callbacks=[Thaw()], optimizer="sgd")
    _close(found, _once(callbacks=[Thaw()], optimizer="sgd"))


def check_limits(joined: Any) -> None:
    _same(joined, max_steps=3)
    found, _ = _fit(max_seconds=1e-9, epochs=3)
    assert len(found) <= 1
    assert len(set(joined.gather_objects(len(found)))) == 1


def check_files_and_resume(joined: Any) -> None:
    folder = pathlib.Path(sys.argv[1], "run")
    _fit(out=folder, epochs=2)
    joined.barrier()
    names = sorted(path.name for path in folder.iterdir())
    joined.barrier()  # or the first rank writes files of the next run meanwhile
    assert names[0] == "best.safetensors"
    found = _fit(out=folder, epochs=4, resume=True, model=_net(seed=5))
    whole = _fit(epochs=4)
    for name, array in found[1].items():
        assert np.array_equal(array, whole[1][name]), name
    alone = _once(epochs=4)
    _close(found, alone)
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        _fit(out=folder / "other", resume=True)


def check_resume_on_another_count(joined: Any) -> None:
    folder = pathlib.Path(sys.argv[1], "count")
    if joined.first:
        _alone(out=folder, epochs=2)  # by one process
    joined.barrier()
    _close(_fit(out=folder, epochs=4, resume=True), _once(epochs=4))


def check_ctrl_c_of_one_rank(joined: Any) -> None:
    class Press:
        def __init__(self) -> None:
            self.pressed = False

        def __call__(self, *, trainer: Any, **facts: Any) -> None:
            if trainer.step >= 2 and joined.rank == joined.size - 1 and not self.pressed:
                self.pressed = True
                os.kill(os.getpid(), signal.SIGINT)

    for event in (Event.BATCH_END, Event.VALIDATION_END, Event.EPOCH_END):
        folder = pathlib.Path(sys.argv[1], event.name)
        given = {"callbacks": [(event, Press())], "seed": 0, "progress": "none", "out": folder}
        trainer = Trainer(_net(), "cross_entropy", **given)
        trainer.fit(*_data(50), epochs=9, batch_size=16, validation=0.25)
        # behind the second of three steps, the third is the last; at the end of an epoch, none
        told = joined.gather_objects((trainer.history.interrupted, trainer.step))
        assert told == [(True, 3)] * joined.size, event


def check_odd_rank(joined: Any) -> None:
    odd = joined.size - 1
    is_odd = joined.rank == odd
    with pytest.raises(ValueError, match=rf"fit, on {joined.size} ranks: got seed: .*rank {odd} h"):
        _fit(seed=5 if is_odd else 4)
    with pytest.raises(ValueError, match=r"got model.modules: .*model.state"):
        _fit(model=_net(nn.MaxPool2d(1)) if is_odd else _net(nn.BatchNorm2d(4)))
    with pytest.raises(ValueError, match=r"got samples: .*, expected the same on all"):
        _fit(data=_data(40 + is_odd), fit={"validation": 10})
    found = _fit(model=_net(seed=joined.rank))  # other weights: those of the first rank
    _close(found, _once(model=_net(seed=0)))


def check_refusals(joined: Any) -> None:
    class Bare(Metric):
        name = "bare"

        def reset(self) -> None:
            self.count = 0

        def update(self, output: Any, target: Any) -> None:
            self.count += len(output)

        def compute(self) -> float:
            return self.count

    with pytest.raises(NotImplementedError, match=r"the metric 'bare' without merge, expected Bar"):
        _fit(metrics=[Bare()])
    data = TensorDataset(*(rl.tensor(a) for a in _data(8)))
    loader = DataLoader(data, 4, sampler=DistributedSampler(data))
    with pytest.raises(ValueError, match="got a DataLoader with a DistributedSampler"):
        _fit(data=(loader,), batch_size=None, validation=None)


def check_evaluate_is_of_one(joined: Any) -> None:
    model = _net()
    trainer = Trainer(model, "cross_entropy", progress="none", seed=0)
    trainer.fit(*_data(16), epochs=1, batch_size=8)
    if joined.first:  # no other rank calls it
        assert set(trainer.evaluate(*_data(9))) == {"loss", "accuracy"}
        assert trainer.predict(_data(9)[0]).shape == (9, 3)
    assert not model[1]._synchronized


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
