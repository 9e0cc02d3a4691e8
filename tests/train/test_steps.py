"""Steps: accumulation, clipping, validation within an epoch, limits."""

import numpy as np
import pytest
from tests.train.nets import blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn
from rushlight.train import EarlyStopping, Event, History, Trainer

X, Y = line(50)


def trained(epochs=2, data=(X, Y), **options):
    """Return the weights after some epochs in order."""
    given = {"batch_size": options.pop("batch_size", 10), **options.pop("fit", {})}
    trainer = regressor(optimizer="sgd", **options)
    trainer.fit(*data, epochs=epochs, shuffle=False, **given)
    return weights(trainer)


@pytest.mark.parametrize(
    ("batch_size", "accumulate"),
    [(10, 2), (10, 5), (5, 4), (7, 3), (20, 2)],
    ids=["odd end", "whole", "half end", "batches of unlike sizes", "short end"],
)
@pytest.mark.parametrize("loss", ["mse", nn.MSELoss(reduction="sum")], ids=["mean", "sum"])
def test_accumulation_is_one_large_batch(batch_size, accumulate, loss):
    found = trained(loss=loss, lr=1e-3, batch_size=batch_size, accumulate=accumulate)
    large = trained(loss=loss, lr=1e-3, batch_size=batch_size * accumulate)
    np.testing.assert_allclose(found, large, rtol=2e-6)
    assert not np.allclose(found, trained(loss=loss, lr=1e-3, batch_size=batch_size), rtol=1e-5)


def test_accumulation_with_weights_of_samples_is_one_large_batch():
    weight = np.linspace(0.5, 1.5, 50)
    options = {"fit": {"sample_weight": weight}, "lr": 0.01}
    found = trained(batch_size=10, accumulate=3, **options)
    np.testing.assert_allclose(found, trained(batch_size=30, **options), rtol=2e-6)


@pytest.mark.parametrize("weights", [None, [1.0, 5.0, 0.2]], ids=["plain", "class weights"])
@pytest.mark.parametrize("own", [None, np.linspace(0.5, 1.5, 36)], ids=["", "sample weights"])
def test_accumulation_and_the_mean_of_an_epoch_leave_ignored_targets_out(weights, own):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(36, 4)).astype("float32")
    y = rng.integers(0, 3, 36)
    y[1:9] = y[30] = 7
    table = None if weights is None else rl.tensor(weights)
    found = []
    for batch_size, accumulate in ((9, 4), (36, 1)):
        rl.manual_seed(0)
        loss = nn.CrossEntropyLoss(weight=table, ignore_index=7)
        model = nn.Linear(4, 3)
        options = {"metrics": [], "lr": 0.5, "progress": "none", "restore_best": False}
        trainer = Trainer(model, loss, "sgd", accumulate=accumulate, **options)
        fit = {"batch_size": batch_size, "shuffle": False, "sample_weight": own}
        history = trainer.fit(x, y, validation=(x, y), epochs=2, **fit)
        found.append((model.weight.numpy(force=True), history))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-7)
    for column in ("train_loss", "val_loss"):
        parts, whole = (history.as_dict()[column] for _, history in found)
        assert parts == pytest.approx(whole, rel=1e-5)


def test_a_step_is_told_once_with_the_loss_of_all_its_samples():
    seen, before = [], []

    def note(*, trainer, epoch, batch, loss):
        seen.append((batch, trainer.step, loss))

    def gradients(*, trainer, epoch, batch):
        before.append((batch, trainer.step, trainer.model.weight.grad.numpy().copy()))

    callbacks = [(Event.BATCH_END, note), (Event.GRADIENTS, gradients)]
    trainer = regressor(optimizer="sgd", lr=1e-9, accumulate=2, callbacks=callbacks)
    history = trainer.fit(X, Y, epochs=1, batch_size=20, shuffle=False)
    assert [(batch, step) for batch, step, _ in seen] == [(2, 1), (3, 2)]
    assert [(batch, step) for batch, step, _ in before] == [(2, 0), (3, 1)]
    assert history[0]["train_loss"] == pytest.approx(0.8 * seen[0][2] + 0.2 * seen[1][2])
    model = regressor().model
    nn.MSELoss()(model(rl.tensor(X[:40])), rl.tensor(Y[:40])).backward()
    np.testing.assert_allclose(before[0][2], model.weight.grad.numpy(), rtol=1e-5)


def test_named_schedules_and_warm_up_count_steps():
    seen = []

    def note(*, trainer, **facts):
        seen.append(trainer.optimizer.param_groups[0]["lr"])

    trainer = regressor(optimizer="sgd", lr=0.1, accumulate=2, scheduler="linear", warmup=1)
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda: (note(trainer=trainer), step())
    trainer.fit(X, Y, epochs=2, batch_size=10)  # 5 batches: 3 steps
    np.testing.assert_allclose(seen, 0.1 * np.array([1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3]))


def test_gradients_are_heard_before_they_are_clipped():
    largest = []

    def heard(*, trainer, **facts):
        largest.append(np.abs(trainer.model.weight.grad.numpy()).max())

    trainer = regressor(
        optimizer="sgd", lr=1.0, clip_value=0.01, callbacks=[(Event.GRADIENTS, heard)]
    )
    before = weights(trainer).copy()
    trainer.fit(X, Y, epochs=1, batch_size=50)
    assert largest[0] > 1
    assert np.abs(weights(trainer) - before).max() == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), "1", True])
def test_clipping_wants_a_number(name, value):
    with pytest.raises(ValueError, match=f"{name}: got .* expected a number > 0"):
        regressor(**{name: value})


@pytest.mark.parametrize("name", ["accumulate", "validate_every", "max_steps"])
@pytest.mark.parametrize("value", [0, 1.5, "2"])
def test_counts_are_counts(name, value):
    with pytest.raises(ValueError, match=f"{name}: got .* expected an int >= 1"):
        regressor(**{name: value})


@pytest.mark.parametrize("value", [0, -3.0, float("nan"), "1"])
def test_max_seconds_is_a_time(value):
    with pytest.raises(ValueError, match=r"max_seconds: got .* expected seconds, a number > 0"):
        regressor(max_seconds=value)


# ---- validation within an epoch


def test_validation_within_an_epoch_stands_beside_the_epochs(tmp_path):
    heard = []

    def note(*, trainer, epoch, batch, values):
        heard.append((trainer.step, epoch, batch, values))

    stopping = EarlyStopping(patience=50)
    x, y = blobs(50)
    trainer = classifier(
        validate_every=2, callbacks=[stopping, (Event.VALIDATION_END, note)], out=tmp_path
    )
    history = trainer.fit(x, y, validation=(x, y), epochs=2, batch_size=10)
    assert [(r["step"], r["epoch"]) for r in history.steps] == [
        (2, 1),
        (4, 1),
        (5, 1),
        (6, 2),
        (8, 2),
        (10, 2),
    ]
    assert [facts[:3] for facts in heard] == [
        (2, 1, 2),
        (4, 1, 4),
        (5, 1, 5),
        (6, 2, 1),
        (8, 2, 3),
        (10, 2, 5),
    ]
    for record, (*_, values) in zip(history.steps, heard, strict=True):
        assert {"step": record["step"], "epoch": record["epoch"], **values} == record
    for record, step in zip(history, (2, 5), strict=True):
        for name in ("val_loss", "val_accuracy"):
            assert record[name] == history.steps[step][name]
    back = History.load(tmp_path / "history.json")
    assert back.steps == history.steps
    assert "step" not in (tmp_path / "history.csv").read_text().splitlines()[0]


def test_validation_within_an_epoch_changes_no_bit_of_training():
    x, y = blobs(50)
    with_it, without = (classifier(validate_every=every) for every in (1, None))
    for trainer in (with_it, without):
        trainer.fit(x, y, validation=(x, y), epochs=2, batch_size=10)
    np.testing.assert_array_equal(weights(with_it), weights(without))
    columns = [trainer.history.as_dict() for trainer in (with_it, without)]
    assert columns[0]["train_accuracy"] == columns[1]["train_accuracy"]
    assert columns[0]["val_loss"] == columns[1]["val_loss"]


def test_it_wants_validation_data():
    with pytest.raises(ValueError, match="validate_every=3 and no validation data"):
        regressor(validate_every=3).fit(X, Y, epochs=1)


# ---- limits


@pytest.mark.parametrize("limit", [1, 4, 5, 7])
def test_max_steps_ends_training_and_the_epoch_is_recorded_as_it_is(limit):
    trainer = regressor(max_steps=limit)
    history = trainer.fit(X, Y, validation=(X, Y), epochs=9, batch_size=10)
    assert trainer.step == limit
    assert len(history) == -(-limit // 5)
    assert history.stopped == trainer.stopped == f"max_steps={limit} reached"
    assert not history.interrupted
    assert trainer.evaluate(X, Y)["loss"] == pytest.approx(min(history.as_dict()["val_loss"]))


def test_a_limit_that_is_the_end_anyway_is_no_early_end():
    trainer = regressor(max_steps=10)
    history = trainer.fit(X, Y, epochs=2, batch_size=10)
    assert history.stopped is None
    assert len(history) == 2
    assert len(trainer.fit(X, Y, epochs=1, batch_size=10)) == 2
    assert trainer.stopped == "max_steps=10 reached"


def test_max_seconds_counts_from_the_beginning_of_the_fit(monkeypatch):
    from rushlight.train import limits

    now = [0.0]

    class Clock:
        monotonic = staticmethod(lambda: now[0])

    def tick(**facts):
        now[0] += 1.0

    monkeypatch.setattr(limits, "time", Clock)
    trainer = regressor(max_seconds=6.5, callbacks=[(Event.BATCH_END, tick)])
    history = trainer.fit(X, Y, epochs=9, batch_size=10)
    assert trainer.step == 7
    assert len(history) == 2
    assert history.stopped == "max_seconds=6.5 have passed"
    trainer.fit(X, Y, epochs=9, batch_size=10)
    assert trainer.step == 14
