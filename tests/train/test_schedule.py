"""Learning rates: named curves, schedulers and the warm-up over either."""

import math

import numpy as np
import pytest
from tests.train.nets import line, regressor

import rushlight as rl
from rushlight.optim import SGD, lr_scheduler
from rushlight.train import Event
from rushlight.train.curve import schedule_names
from rushlight.train.schedule import Rates

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


# ---- by name


def test_the_curves_are_those_of_the_schedulers():
    """Each named curve is the scheduler of torch's name over the steps after warm-up."""
    cases = {
        "cosine:eta_min=0.02": lambda o: lr_scheduler.CosineAnnealingLR(o, 8, 0.02),
        "linear:end_factor=0.1": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, 8),
        "polynomial:power=3": lambda o: lr_scheduler.PolynomialLR(o, 8, 3),
        "onecycle:pct_start=0.4": lambda o: lr_scheduler.OneCycleLR(o, 0.1, 8, pct_start=0.4),
        "cosine_restarts:cycles=2": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4),
    }
    for text, make in cases.items():
        found = rates(scheduler=text, warmup=1)
        optimizer = SGD([rl.tensor([0.0], requires_grad=True)], lr=0.1, momentum=0.9)
        scheduler = make(optimizer)
        expected = []
        for _ in range(8):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        np.testing.assert_allclose(found[4:], expected, rtol=1e-12, err_msg=text)
        np.testing.assert_allclose(found[:4], expected[0] * np.arange(1, 5) / 4, err_msg=text)


def test_inverse_square_root_begins_where_the_warm_up_ends():
    found = rates(scheduler="inverse_sqrt", warmup=1)
    np.testing.assert_allclose(found[4:], 0.1 * np.sqrt(4 / (4 + np.arange(8))))
    found = rates(scheduler="noam:timescale=0.5")
    np.testing.assert_allclose(found, 0.1 * np.sqrt(2 / (2 + np.arange(12))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("constant", [1, 1, 1]),
        ("step:step_size=2,gamma=0.5", [1, 1, 0.5]),
        ("StepLR:step_size=1", [1, 0.1, 0.01]),
        ("multistep:milestones=[1,2],gamma=0.5", [1, 0.5, 0.25]),
        ("exponential:gamma=0.5", [1, 0.5, 0.25]),
        ("CosineAnnealingLR:T_max=2", [1, 0.5, 0]),
        ("ConstantLR:factor=0.5,total_iters=1", [0.5, 1, 1]),
    ],
)
def test_schedules_that_step_each_epoch(text, expected):
    np.testing.assert_allclose(rates(scheduler=text), 0.1 * np.repeat(expected, 4), atol=1e-15)
    warm = rates(scheduler=text, warmup=0.5)
    np.testing.assert_allclose(warm[:2], 0.1 * expected[0] * np.array([0.5, 1]))


def test_a_named_schedule_may_step_each_batch():
    found = rates(scheduler="exponential:gamma=0.9", scheduler_step="batch")
    np.testing.assert_allclose(found, 0.1 * 0.9 ** np.arange(12))


@pytest.mark.parametrize(("higher", "reduced"), [(False, True), (True, False)])
def test_a_plateau_by_name_knows_which_way_is_better(higher, reduced):
    optimizer = SGD([rl.tensor([0.0], requires_grad=True)], lr=0.1)
    made = Rates(optimizer, "plateau:patience=0,factor=0.5", "epoch", 0.0)
    made.begin(3, None)
    for value in (1.0, 2.0, 3.0):
        made.end_epoch(value, higher)
    assert (optimizer.param_groups[0]["lr"] < 0.1) == reduced


def test_a_plateau_gets_the_direction_from_the_metric():
    trainer = regressor(scheduler="plateau", metrics="r2", monitor="val_r2")
    trainer.fit(X, Y, validation=0.2, epochs=1)
    assert trainer._rates.scheduler.mode == "max"
    trainer = regressor(scheduler="plateau:mode=min", metrics="r2", monitor="val_r2")
    trainer.fit(X, Y, validation=0.2, epochs=1)
    assert trainer._rates.scheduler.mode == "min"


def test_a_second_fit_begins_a_named_curve_again():
    trainer = regressor(optimizer="sgd", lr=0.1, scheduler="linear")
    first = trainer.fit(X, Y, epochs=2, batch_size=10)[-1]["lr"]
    assert trainer.fit(X, Y, epochs=2, batch_size=10)[-1]["lr"] == first


@pytest.mark.parametrize("name", schedule_names())
def test_every_schedule_has_its_options_in_the_message(name):
    with pytest.raises(ValueError, match=f"scheduler '{name}': got an option 'nonsense', expected"):
        regressor(scheduler=f"{name}:nonsense=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step", "scheduler 'step': got no step_size, expected step_size, gamma=0.1; write 'step:"),
        ("step:step_size=0", "step_size=0"),
        ("step:step_size=1.5", "step_size=1.5, expected a value of type int"),
        ("onecycle:pct_start=2.0", r"pct_start=2.0, expected a float in \[0, 1\]"),
        ("cosine_restarts:cycles=0", "cycles=0, expected an int >= 1"),
        ("inverse_sqrt:timescale=0", "timescale=0, expected epochs, a number > 0"),
        ("LambdaLR", "give a function optimizer -> scheduler"),
        ("warmup", "warmup=1"),
    ],
)
def test_messages_of_named_schedules(text, message):
    with pytest.raises(ValueError, match=message):
        regressor(scheduler=text)


@pytest.mark.parametrize("text", ["cosine", "plateau:patience=0", "exponential:gamma=0.5", None])
def test_a_place_on_the_curve_survives(text):
    """The rates after a state are those without the pause, also where epochs were added."""

    def steps(made, count, seen):
        for _ in range(count):
            made.step()
            seen.append(made.lr)

    def fresh():
        optimizer = SGD([rl.tensor([0.0], requires_grad=True)], lr=0.1)
        made = Rates(optimizer, text, "epoch", 0.5)
        made.begin(3, 4)
        return made

    whole, halves = [], []
    made = fresh()
    for _ in range(3):
        steps(made, 4, whole)
        made.end_epoch(1.0)
    made = fresh()
    steps(made, 4, halves)
    made.end_epoch(1.0)
    steps(made, 2, halves)
    state, held = made.state_dict(), made.optimizer.state_dict()
    made = fresh()
    made.optimizer.load_state_dict(held)
    made.load_state_dict(state)
    steps(made, 2, halves)
    made.end_epoch(1.0)
    steps(made, 4, halves)
    assert halves == whole
