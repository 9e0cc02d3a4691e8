"""EMA: the average is right, it is what is validated and kept, and training does not see it."""

import numpy as np
import pytest
from tests.train.nets import blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn
from rushlight.train import EMA, Callback, EarlyStopping

X, Y = line(20)


class Watch(Callback):
    """Notes the weights after each step, and what they are while data are held out."""

    def __init__(self):
        self.raw, self.judged = [], []

    def on_batch_end(self, *, trainer, epoch, batch, loss):
        self.raw.append(weights(trainer).copy())

    def on_epoch_end(self, *, trainer, epoch, record):
        np.testing.assert_array_equal(weights(trainer), self.raw[-1])


def averages(raw, ema):
    mean, found = raw[0].copy(), []
    for n, value in enumerate(raw):
        d = ema.decay_at(n) if n else 0.0
        mean = d * mean.astype("float64") + (1 - d) * value
        found.append(mean.copy())
    return found


@pytest.mark.parametrize("options", [{}, {"warmup": 0, "decay": 0.5}])
def test_the_average_is_that_of_the_formula(options):
    ema, watch = EMA(**options), Watch()
    trainer = regressor(callbacks=[ema, watch])
    trainer.fit(X, Y, epochs=3, batch_size=5)
    np.testing.assert_allclose(weights(trainer), averages(watch.raw, ema)[-1], rtol=1e-5)
    assert int(ema.averaged.n_averaged) == 12


def test_training_does_not_see_the_average():
    plain, watched = Watch(), Watch()
    regressor(callbacks=[plain]).fit(X, Y, validation=(X, Y), epochs=3, batch_size=5)
    trainer = regressor(callbacks=[EMA(), watched])
    trainer.fit(X, Y, validation=(X, Y), epochs=3, batch_size=5)
    np.testing.assert_array_equal(plain.raw, watched.raw)


def test_validation_and_the_best_weights_are_those_of_the_average(tmp_path):
    ema, watch = EMA(decay=0.8), Watch()
    trainer = regressor(callbacks=[ema, watch], out=tmp_path)
    history = trainer.fit(X, Y, validation=(X, Y), epochs=4, batch_size=5)
    found = averages(watch.raw, ema)[3::4]
    for record, mean in zip(history, found, strict=True):
        loss = float(np.mean((X @ mean[:3, None] + mean[3] - Y) ** 2))
        assert record["val_loss"] == pytest.approx(loss, rel=1e-4)
    best = int(np.argmin([record["val_loss"] for record in history]))
    np.testing.assert_allclose(weights(trainer), found[best], rtol=1e-5)
    kept = rl.load(tmp_path / "best.safetensors")
    np.testing.assert_array_equal(kept["weight"].numpy(), trainer.model.weight.detach().numpy())
    assert trainer.evaluate(X, Y)["loss"] == pytest.approx(history[best]["val_loss"])


def test_early_stopping_puts_averaged_weights_back():
    ema, watch = EMA(decay=0.6), Watch()
    trainer = regressor(callbacks=[EarlyStopping(patience=2), ema, watch], lr=5.0)
    history = trainer.fit(X, Y, validation=(X, Y), epochs=30, batch_size=5)
    found = averages(watch.raw, ema)[3::4]
    np.testing.assert_allclose(weights(trainer), found[history.best_epoch - 1], rtol=1e-4)


def test_running_statistics_are_copied_or_averaged():
    for use_buffers in (False, True):
        rl.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        ema, raw = EMA(decay=0.5, warmup=0, use_buffers=use_buffers), []

        class Note(Callback):
            def on_batch_end(self, *, trainer, raw=raw, **facts):
                raw.append(trainer.model[1].running_mean.numpy().copy())

        regressor(model=net, callbacks=[ema, Note()]).fit(X, Y, epochs=1, batch_size=10)
        wanted = (raw[0] + raw[1]) / 2 if use_buffers else raw[1]
        np.testing.assert_allclose(net[1].running_mean.numpy(), wanted, rtol=1e-5)


def test_an_interrupted_validation_gives_the_raw_weights_back():
    ema = EMA(decay=0.9)

    def fail(output, target):
        if not trainer.model.training and len(watch.raw) == 2:
            raise RuntimeError("no more")
        return ((output - target) ** 2).mean()

    watch = Watch()
    trainer = regressor(callbacks=[ema, watch], loss=fail, restore_best=False)
    with pytest.raises(RuntimeError, match="no more"):
        trainer.fit(X, Y, validation=(X, Y), epochs=3, batch_size=10)
    np.testing.assert_allclose(weights(trainer), averages(watch.raw, ema)[-1], rtol=1e-5)


def test_a_second_fit_begins_another_average():
    ema = EMA()
    trainer = regressor(callbacks=[ema])
    trainer.fit(X, Y, epochs=1)
    trainer.fit(X, Y, epochs=1, batch_size=10)
    assert int(ema.averaged.n_averaged) == 2


def test_before_the_first_step_the_model_is_left_alone():
    trainer = regressor(callbacks=[EMA()])
    before = weights(trainer)
    with pytest.raises(rl.train.NonFiniteError):
        trainer.fit(X, Y * np.float32(np.inf), epochs=1)
    np.testing.assert_array_equal(weights(trainer), before)


def test_a_state_goes_on_where_it_was():
    x, y = blobs()
    ema, other = EMA(), EMA()
    trainer = classifier(callbacks=[ema])
    trainer.fit(x, y, epochs=1)
    state = ema.state_dict()
    facts = {"first_epoch": 1, "last_epoch": 1, "batches": 1}
    other.on_fit_begin(trainer=trainer, **facts)
    other.load_state_dict(state)
    for one in (ema, other):
        one.averaged.update_parameters(trainer.model)
    for a, b in zip(ema.averaged.parameters(), other.averaged.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(force=True), b.numpy(force=True))
    assert int(other.averaged.n_averaged) == int(ema.averaged.n_averaged)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"decay": 1.0}, r"EMA decay: got 1.0, expected a number in \[0, 1\)"),
        ({"decay": "0.9"}, "EMA decay"),
        ({"warmup": -1}, "EMA warmup: got -1, expected a number >= 0"),
        ({"warmup": float("nan")}, "EMA warmup"),
    ],
)
def test_what_cannot_be_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        EMA(**options)


def test_two_averages_are_refused():
    with pytest.raises(ValueError, match="got two EMA callbacks"):
        regressor(callbacks=[EMA(), EMA()]).fit(X, Y, epochs=1)
