"""Learning rates: named curves, schedulers and the warm-up over either."""

import math

import numpy as np
import pytest
from tests.train.nets import line, regressor

from rushlight.optim import lr_scheduler
from rushlight.train import Event

X, Y = line(40)


def rates(epochs=3, **options):
    """Return the rate of every step, taken where the optimizer sees it."""
    trainer = regressor(optimizer="sgd", lr=0.1, **options)
    seen = []
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda: (seen.append(trainer.optimizer.param_groups[0]["lr"]), step())
    history = trainer.fit(X, Y, validation=(X, Y), epochs=epochs, batch_size=10)
    assert [record["lr"] for record in history] == seen[3::4]
    return np.array(seen)


def test_constant():
    np.testing.assert_allclose(rates(), 0.1)


def test_cosine_goes_from_the_rate_to_nearly_zero():
    expected = [0.05 * (1 + math.cos(math.pi * step / 12)) for step in range(12)]
    np.testing.assert_allclose(rates(scheduler="cosine"), expected)


def test_linear():
    np.testing.assert_allclose(rates(scheduler="linear"), 0.1 * (1 - np.arange(12) / 12))


def test_warm_up_counts_in_epochs_and_reaches_the_rate():
    found = rates(warmup=1.5)
    np.testing.assert_allclose(found[:6], 0.1 * np.arange(1, 7) / 6)
    np.testing.assert_allclose(found[6:], 0.1)


def test_warm_up_before_a_named_curve():
    found = rates(scheduler="cosine", warmup=1)
    np.testing.assert_allclose(found[:4], 0.1 * np.arange(1, 5) / 4)
    np.testing.assert_allclose(
        found[4:], [0.05 * (1 + math.cos(math.pi * s / 8)) for s in range(8)]
    )


def test_a_scheduler_steps_each_epoch_and_composes_with_warm_up():
    def halve(optimizer):
        return lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    expected = np.repeat([0.1, 0.05, 0.025], 4)
    np.testing.assert_allclose(rates(scheduler=halve), expected)
    expected[:2] *= [0.5, 1]
    np.testing.assert_allclose(rates(scheduler=halve, warmup=0.5), expected)


def test_a_scheduler_may_step_each_batch():
    found = rates(
        scheduler=lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
        scheduler_step="batch",
    )
    np.testing.assert_allclose(found, 0.1 / np.arange(1, 13))


def test_reduce_on_plateau_gets_the_monitored_value():
    def worse(*, trainer, epoch, record):
        record["val_loss"] = float(epoch)

    scheduler = lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=0)  # noqa: E731
    found = rates(scheduler=scheduler, callbacks=[(Event.EPOCH_END, worse)], epochs=2)
    assert len(found) == 8


def test_reduce_on_plateau_at_each_batch_is_refused():
    with pytest.raises(ValueError, match="ReduceLROnPlateau at each batch"):
        regressor(scheduler=lr_scheduler.ReduceLROnPlateau, scheduler_step="batch")


def test_the_rate_is_put_back_if_a_step_fails():
    trainer = regressor(optimizer="sgd", lr=0.1, warmup=1)

    def fail():
        raise RuntimeError("step")

    trainer.optimizer.step = fail
    with pytest.raises(RuntimeError, match="step"):
        trainer.fit(X, Y, epochs=1)
    assert trainer.optimizer.param_groups[0]["lr"] == 0.1
