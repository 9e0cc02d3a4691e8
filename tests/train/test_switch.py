"""Switch: parts exchanged during training, what the history says of it, and what is refused."""

import math

import numpy as np
import pytest
from tests.train.nets import blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn, optim
from rushlight.optim import lr_scheduler
from rushlight.train import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Event,
    History,
    HistoryLog,
    KeepBest,
    Switch,
    Trainer,
    parse_switch,
    plot_history,
)

X, Y = line(40)


def rates(*switches, epochs=4, **options):
    """Return the rate of every step, and the trainer."""
    seen = []

    def note(*, trainer, epoch, batch, loss):
        seen.append(trainer._rates.lr)

    options = {"optimizer": "sgd", "lr": 0.1, **options}
    trainer = regressor(callbacks=[*switches, (Event.BATCH_END, note)], **options)
    trainer.fit(X, Y, epochs=epochs, batch_size=10)
    return np.array(seen), trainer


def test_warm_up_then_adam_then_sgd_is_the_loop_by_hand():
    rl.manual_seed(0)
    model = nn.Linear(3, 1)
    switch = Switch(at_epoch=3, optimizer="sgd:momentum=0.9", lr=0.01, loss="huber:delta=0.5")
    trainer = Trainer(
        model, "mse", "adam", lr=0.05, warmup=1, callbacks=[switch], progress="none", seed=0
    )
    history = trainer.fit(X, Y, epochs=4, batch_size=10, shuffle=False)

    rl.manual_seed(0)
    model = nn.Linear(3, 1)
    adam = optim.Adam(model.parameters(), lr=0.05)
    sgd = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    parts = [(adam, nn.MSELoss())] * 2 + [(sgd, nn.HuberLoss(delta=0.5))] * 2
    losses = []
    for epoch, (optimizer, loss) in enumerate(parts):
        total = 0.0
        for batch in range(4):
            rows = slice(10 * batch, 10 * batch + 10)
            for group in adam.param_groups:
                group["lr"] = 0.05 * (batch + 1) / 4 if epoch == 0 else 0.05
            model.zero_grad()
            value = loss(model(rl.tensor(X[rows])), rl.tensor(Y[rows]))
            value.backward()
            optimizer.step()
            total += value.item() * 10
        losses.append(total / 40)
    by_hand = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    np.testing.assert_array_equal(weights(trainer), by_hand)
    np.testing.assert_allclose(history.as_dict()["train_loss"], losses, rtol=1e-12)
    assert type(trainer.optimizer) is optim.SGD
    assert switch.done
    assert [record["lr"] for record in history] == [0.05, 0.05, 0.01, 0.01]
    assert history.switches == [
        {
            "epoch": 3,
            "step": 8,
            "what": "optimizer sgd:momentum=0.9, lr 0.01, loss huber:delta=0.5",
            "note": "train_loss: another quantity, what goes by it begins anew",
        }
    ]


def test_at_step_in_the_middle_of_an_epoch():
    found, trainer = rates(Switch(at_step=6, lr=0.02), Switch(at_step=9, optimizer="adam", lr=0.5))
    np.testing.assert_allclose(found, [0.1] * 6 + [0.02] * 3 + [0.5] * 7)
    assert type(trainer.optimizer) is optim.Adam
    assert [(s["epoch"], s["step"]) for s in trainer.history.switches] == [(2, 6), (3, 9)]


# ---- schedules


def test_a_schedule_begins_anew_over_the_rest_of_the_run():
    def cosine(steps):
        return [0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]

    found, _ = rates(Switch(at_epoch=3, optimizer="adam", lr=0.01), scheduler="cosine")
    np.testing.assert_allclose(found[:8], 0.1 * np.array(cosine(16))[:8])
    np.testing.assert_allclose(found[8:], 0.01 * np.array(cosine(8)))


def test_a_new_schedule_begins_from_the_rate_of_the_optimizer():
    step = "step:step_size=1,gamma=0.1"
    found, _ = rates(Switch(at_epoch=3, schedule="linear"), scheduler=step)
    np.testing.assert_allclose(found[:8], np.repeat([0.1, 0.01], 4))
    np.testing.assert_allclose(found[8:], 0.1 * (1 - np.arange(8) / 8))
    found, _ = rates(Switch(at_epoch=3, schedule=step), scheduler="linear")
    np.testing.assert_allclose(found[8:], np.repeat([0.1, 0.01], 4))
    found, _ = rates(Switch(at_epoch=3, schedule="constant"), scheduler="linear")
    np.testing.assert_allclose(found[8:], 0.1)


def test_a_stepped_schedule_by_name_is_made_anew_for_the_new_optimizer():
    found, trainer = rates(
        Switch(at_epoch=3, optimizer="adam", lr=0.01), scheduler="exponential:gamma=0.5"
    )
    np.testing.assert_allclose(found, np.repeat([0.1, 0.05, 0.01, 0.005], 4))
    assert trainer._rates.scheduler.optimizer is trainer.optimizer


def test_a_warm_up_of_its_own():
    found, trainer = rates(Switch(at_epoch=3, lr=0.04, warmup=1), scheduler="linear")
    np.testing.assert_allclose(found[8:12], 0.04 * np.arange(1, 5) / 4)
    np.testing.assert_allclose(found[12:], 0.04 * (1 - np.arange(4) / 4))
    assert trainer.history.warmups == [{"epoch": 3, "epochs": 1.0}]


def test_a_plateau_forgets_the_old_loss():
    plateau = "plateau:patience=0,factor=0.5"
    small = Switch(at_epoch=3, loss=lambda o, t: ((o - t) ** 2).mean() * 1e6 + 1e6)
    _, trainer = rates(small, scheduler=plateau, epochs=3)
    assert trainer._rates.scheduler.best > 1e5
    assert trainer.optimizer.param_groups[0]["lr"] == 0.1


# ---- loss, metrics and what goes by them


def test_a_new_metric_is_blank_before_and_an_old_one_after(tmp_path):
    switch = Switch(at_epoch=3, metrics="f1, confusion_matrix")
    trainer = classifier(callbacks=[switch, HistoryLog(tmp_path)])
    history = trainer.fit(*blobs(), validation=0.3, epochs=4)
    table = history.as_dict()
    assert np.isfinite(table["val_accuracy"]).tolist() == [True, True, False, False]
    assert np.isfinite(table["val_f1"]).tolist() == [False, False, True, True]
    assert history.names()[-1] == "seconds"
    lines = (tmp_path / "history.csv").read_text().splitlines()
    names = lines[0].split(",")
    assert lines[1].split(",")[names.index("train_f1")] == ""
    assert lines[4].split(",")[names.index("train_accuracy")] == ""
    loaded = History.load(tmp_path / "history.json")
    assert loaded.switches == history.switches
    assert loaded.switches[0]["what"] == "metrics f1, confusion_matrix"
    assert "note" not in loaded.switches[0]
    assert set(trainer.evaluate(*blobs())) == {"loss", "f1", "confusion_matrix"}


def worse(monitor):
    """Return a callback that makes a value worse with each epoch, after loss 'mae' better."""

    class Worse(Callback):
        def on_epoch_end(self, *, trainer, epoch, record):
            record[monitor] = float(epoch)

    return Worse()


def test_early_stopping_and_best_epoch_begin_anew_with_a_new_loss(tmp_path):
    stopping, keep = EarlyStopping(patience=3), Checkpoint(tmp_path, interval=0)
    switch = Switch(at_epoch=4, loss="mae")
    trainer = regressor(callbacks=[worse("val_loss"), switch, stopping, keep])
    history = trainer.fit(X, Y, validation=0.2, epochs=20)
    assert len(history) == 7  # 3 bad ones after epoch 4, though 2 and 3 were bad, too
    assert stopping.best_epoch == 4
    assert keep.best.value == 4.0
    assert trainer.stopped == "val_loss has not improved for 3 epochs (best: epoch 4)"


def test_a_metric_that_stays_goes_on():
    stopping = EarlyStopping("val_mae", patience=3)
    switch = Switch(at_epoch=3, loss="huber")
    trainer = regressor(metrics="mae", callbacks=[worse("val_mae"), switch, stopping])
    history = trainer.fit(X, Y, validation=0.2, epochs=20)
    assert len(history) == 4
    assert stopping.best_epoch == 1
    assert "note" not in history.switches[0]


def test_the_best_weights_are_those_since_the_switch():
    states = []

    def note(*, trainer, epoch, record):
        states.append(weights(trainer).copy())

    switch = Switch(at_epoch=3, loss="mae")
    trainer = regressor(callbacks=[worse("val_loss"), switch, KeepBest(), (Event.EPOCH_END, note)])
    trainer.fit(X, Y, validation=0.2, epochs=5)
    np.testing.assert_array_equal(weights(trainer), states[2])
    assert trainer.history.best_epoch is not None
    assert trainer.history.best_epoch >= 3


def test_weights_of_samples_count_in_the_new_loss():
    weight = np.linspace(0, 2, len(X))
    trainer = regressor(callbacks=[Switch(at_epoch=2, loss="mae")], lr=1e-9)
    history = trainer.fit(X, Y, epochs=2, sample_weight=weight)
    error = np.abs(trainer.predict(X) - Y)[:, 0]
    assert history[1]["train_loss"] == pytest.approx((weight * error).mean(), rel=1e-5)
    trainer = regressor(callbacks=[Switch(at_epoch=2, loss=lambda o, t: (o - t).abs().mean())])
    with pytest.raises(TypeError, match="a weighted loss"):
        trainer.fit(X, Y, epochs=2, sample_weight=weight)
    assert not trainer.history


def test_clipping_and_accumulation():
    limits = []

    def note(*, trainer, epoch, batch, loss):
        limits.append((trainer.clip_norm, trainer.accumulate, trainer.step))

    switches = [
        Switch(at_epoch=2, clip_norm=0.5, accumulate=2),
        Switch(at_epoch=3, clip_norm=math.inf, accumulate=4),
    ]
    trainer = regressor(
        callbacks=[*switches, (Event.BATCH_END, note)], scheduler="linear", optimizer="sgd", lr=0.1
    )
    history = trainer.fit(X, Y, epochs=4, batch_size=10)
    assert limits == [
        *[(None, 1, step) for step in (1, 2, 3, 4)],
        *[(0.5, 2, step) for step in (5, 6)],
        *[(None, 4, step) for step in (7, 8)],
    ]
    # the line keeps its place: each epoch takes a quarter of it, however many steps it has
    expected = [0.1 * (1 - 3 / 16), 0.1 * (1 - 3 / 8), 0.1 * (1 - 2 / 4), 0.1 * (1 - 3 / 4)]
    np.testing.assert_allclose([record["lr"] for record in history], expected)


def test_a_callback_hears_of_it():
    heard = []
    listen = (Event.SWITCH, lambda *, trainer, epoch, parts: heard.append((epoch, parts)))
    rates(Switch(at_epoch=2, lr=0.5), Switch(at_epoch=3, loss="mae", clip_norm=1.0), listen)
    assert heard == [(2, ("lr",)), (3, ("loss", "clip_norm"))]


def test_progress_says_it(capsys):
    trainer = regressor(callbacks=[Switch(at_epoch=2, lr=0.5)], progress="lines")
    trainer.fit(X, Y, epochs=2)
    assert "\nfrom epoch 2: lr 0.5\nepoch 2/2" in capsys.readouterr().out


def test_a_second_fit_goes_on_and_does_not_switch_twice():
    switch = Switch(at_epoch=2, optimizer="adam", lr=0.03)
    trainer = regressor(callbacks=[switch], optimizer="sgd", lr=0.1)
    trainer.fit(X, Y, epochs=2)
    made = trainer.optimizer
    trainer.fit(X, Y, epochs=2)
    assert trainer.optimizer is made
    assert len(trainer.history.switches) == 1
    assert [record["lr"] for record in trainer.history] == [0.1, 0.03, 0.03, 0.03]


def test_a_switch_may_serve_another_trainer():
    switch = Switch(at_epoch=2, lr=0.5)
    for _ in range(2):
        trainer = regressor(callbacks=[switch], optimizer="sgd")
        trainer.fit(X, Y, epochs=2)
        assert [record["lr"] for record in trainer.history] == [0.05, 0.5]


# ---- refused, before the first step

MAKE = {
    "no time": ({"lr": 0.1}, ValueError, "Switch: got at_epoch=None, at_step=None, expected one"),
    "both": ({"at_epoch": 1, "at_step": 2, "lr": 0.1}, ValueError, "expected one of them"),
    "epoch 0": ({"at_epoch": 0, "lr": 0.1}, ValueError, "Switch at_epoch: got 0"),
    "nothing": ({"at_epoch": 2}, ValueError, "got nothing to switch, expected one or more of opti"),
    "metric twice": ({"at_epoch": 2, "metric": "mae", "metrics": "r2"}, ValueError, "metric and m"),
    "loss at a step": ({"at_step": 5, "loss": "mae"}, ValueError, "loss at_step=5, expected at_ep"),
    "optimizer": ({"at_epoch": 2, "optimizer": "sdg2"}, ValueError, "optimizer: got 'sdg2'"),
    "option": ({"at_epoch": 2, "optimizer": "sgd:x=1"}, ValueError, "an option 'x'"),
    "loss": ({"at_epoch": 2, "loss": "hubr"}, ValueError, "did you mean 'huber'"),
    "metric": ({"at_epoch": 2, "metric": "mea"}, ValueError, "metrics: got 'mea'"),
    "schedule": ({"at_epoch": 2, "schedule": "cos"}, ValueError, "scheduler: got 'cos'"),
    "lr": ({"at_epoch": 2, "lr": -1}, ValueError, "lr: got -1"),
    "warmup": ({"at_epoch": 2, "warmup": -1}, ValueError, "warmup: got -1"),
    "clip": ({"at_epoch": 2, "clip_norm": 0}, ValueError, "Switch clip_norm: got 0"),
    "accumulate": ({"at_epoch": 2, "accumulate": 0}, ValueError, "Switch accumulate: got 0"),
}


@pytest.mark.parametrize("case", MAKE)
def test_arguments(case):
    options, error, text = MAKE[case]
    with pytest.raises(error, match=text):
        Switch(**options)


FIT = {
    "targets": (
        {},
        {"loss": "cross_entropy"},
        r"Switch at_epoch=2: got CrossEntropyLoss in place of MSELoss, expected a loss whose "
        "targets are numbers",
    ),
    "monitor": (
        {"metrics": "mae,r2", "monitor": "train_r2"},
        {"metrics": "mae"},
        r"got metrics \['mae'\], while 'train_r2' is monitored",
    ),
    "monitor of a callback": (
        {"metrics": "r2", "callbacks": [EarlyStopping("train_r2")]},
        {"metrics": "mae"},
        "while 'train_r2' is monitored",
    ),
    "scheduler object": (
        {"lr": None, "optimizer": "sgd", "scheduler": "object"},
        {"lr": 0.1},
        "got StepLR, made for the optimizer before, expected a schedule for the one from then on",
    ),
    "optimizer of others": (
        {},
        {"optimizer": lambda p: optim.SGD(nn.Linear(1, 1).parameters())},
        "holds no parameter of the model",
    ),
    "value": ({}, {"optimizer": "sgd:momentum=-1"}, "momentum"),
    "schedule's value": ({}, {"optimizer": "sgd", "schedule": "step:step_size=0"}, "step_size=0"),
}


@pytest.mark.parametrize("case", FIT)
def test_what_does_not_fit_the_trainer_is_found_before_the_first_step(case):
    options, parts, text = FIT[case]
    given = options.get("callbacks", [])
    trainer = regressor(
        **{
            **options,
            "callbacks": [*given, Switch(at_epoch=2, **parts)],
            "scheduler": None,
        }
    )
    if options.get("scheduler") == "object":
        scheduler = lr_scheduler.StepLR(trainer.optimizer, 1)
        trainer = Trainer(
            trainer.model,
            "mse",
            trainer.optimizer,
            scheduler=scheduler,
            callbacks=[Switch(at_epoch=2, **parts)],
            progress="none",
        )
    before = weights(trainer).copy()
    with pytest.raises(ValueError, match=text):
        trainer.fit(X, Y, epochs=3)
    np.testing.assert_array_equal(weights(trainer), before)
    assert not trainer.history


def test_a_switch_that_is_never_reached_is_a_warning():
    trainer = regressor(callbacks=[Switch(at_epoch=9, lr=0.1)])
    with pytest.warns(UserWarning, match=r"Switch: got at_epoch=9, .*it ends with epoch 2"):
        trainer.fit(X, Y, epochs=2)
    assert trainer.history.switches == []


# ---- as text


def test_a_switch_from_the_command_line():
    switch = parse_switch("10: optimizer=sgd:momentum=0.9,nesterov=true lr=0.01 loss=huber")
    assert (switch.at_epoch, switch.at_step) == (10, None)
    assert switch.what == "optimizer sgd:momentum=0.9,nesterov=true, lr 0.01, loss huber"
    switch = parse_switch(" step 500 : schedule=cosine:eta_min=1e-5  clip_norm=inf warmup=0.5")
    assert (switch.at_epoch, switch.at_step) == (None, 500)
    assert switch.what == "schedule cosine:eta_min=1e-5, warmup 0.5, clip_norm inf"
    assert parse_switch("epoch 3: metric=mae,r2").what == "metrics mae,r2"
    found, _ = rates(parse_switch("3: lr=0.5"))
    np.testing.assert_allclose(found, [0.1] * 8 + [0.5] * 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=0.1", "switch: got 'lr=0.1', expected 'EPOCH: part=value"),
        ("ten: lr=0.1", "expected 'EPOCH: part=value"),
        ("week 3: lr=0.1", "expected 'EPOCH: part=value"),
        ("10:", "nothing to switch"),
        ("10: lr", "got 'lr', expected part=value, where part is one of optimizer, lr, sched"),
        ("10: rate=0.1", "got 'rate=0.1', expected part=value"),
        ("10: lr=0.1 lr=0.2", "'lr=0.2' once more"),
        ("10: lr=fast", "lr: got 'fast'"),
        ("10: clip_norm=none", r"switch clip_norm: got none, expected a number \(inf ends"),
        ("10: optimizer=sgd:momentum=[1", "a closing ]"),
        ("0: lr=0.1", "Switch at_epoch: got 0"),
    ],
)
def test_messages_of_the_text(text, message):
    with pytest.raises(ValueError, match=message):
        parse_switch(text)


# ---- the picture


def test_curves_of_a_run_with_switches(tmp_path):
    trainer = regressor(
        warmup=1,
        callbacks=[Switch(at_epoch=4, optimizer="sgd", lr=1e-4, loss="mae", metrics="r2")],
        out=tmp_path,
    )
    trainer.fit(X, Y, validation=0.2, epochs=6)
    loaded = History.load(tmp_path / "history.json")
    assert loaded.warmups == [{"epoch": 1, "epochs": 1.0}]
    plot_history(loaded, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "curves.png").read_bytes()
    loaded.switches = []
    plot_history(loaded, tmp_path / "without.png")
    # a line below the panels says what was switched
    assert height(tmp_path / "curves.png") > height(tmp_path / "without.png") + 20


def height(path):
    """Return the height of a PNG, in pixels."""
    return int.from_bytes(path.read_bytes()[20:24], "big")


@pytest.mark.parametrize(
    ("rates", "scale"),
    [
        ([0.1] * 4 + [0.01] * 4 + [0.001] * 4, "log"),
        ([0.1, 0.09, 0.08, 0.07, 0.05, 0.03, 0.01, 1e-5], "linear"),
        ([0.1, 0.1, 0.1], "linear"),
        ([0.1, 0.0, 0.0], "linear"),
    ],
)
def test_rates_that_span_decades_are_drawn_by_logarithms(rates, scale):
    from matplotlib.figure import Figure

    from rushlight.train.curves import _rates

    axes = Figure().subplots()
    _rates(axes, {"lr": rates, "epoch": list(range(1, len(rates) + 1))})
    assert axes.get_yscale() == scale


def test_the_curve_of_the_loss_is_torn_where_it_becomes_another_one():
    from matplotlib.figure import Figure

    from rushlight.train.curves import _switches, _values

    history = History([{"epoch": n, "train_loss": 1.0, "train_mae": 1.0} for n in range(1, 5)])
    history.switches = [
        {"epoch": 2, "step": 4, "what": "lr 0.1"},
        {"epoch": 3, "step": 8, "what": "optimizer sgd, loss huber"},
    ]
    for name, torn in (("loss", [False, False, True, False, False]), ("mae", [False] * 4)):
        axes = Figure().subplots()
        _values(axes, history, history.as_dict(), name)
        assert np.isnan(axes.lines[0].get_ydata()).tolist() == torn
        _switches(axes, history)
        assert [line.get_xdata()[0] for line in axes.lines[1:]] == [1.5, 2.5]
        assert [text.get_text() for text in axes.texts] == ["1", "2"]


# ---- a run that is killed and resumed


class Killed(BaseException):
    """Ends a run as SIGKILL does: nothing is written afterwards."""


def switched_run(folder, kill=None, epochs=6, second=None):
    """Return the trainer of a run with switches; with `kill` it ends at that step."""

    def end(*, trainer, epoch, batch, loss):
        if trainer.step == kill:
            raise Killed

    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 1))
    switches = [
        Switch(at_epoch=5, lr=0.05, metric="r2", accumulate=2, clip_norm=1.0),  # not in order
        Switch(at_epoch=3, optimizer=second or "sgd:momentum=0.9", lr=0.01, loss="huber"),
        Switch(at_step=14, schedule="exponential:gamma=0.9", warmup=0.5),
    ]
    trainer = Trainer(
        model,
        "mse",
        "adam",
        lr=0.02,
        scheduler="cosine",
        warmup=1,
        metrics="mae,r2",
        callbacks=[
            *switches,
            EarlyStopping(patience=5),
            Checkpoint(folder, every_steps=1, interval=0),
            (Event.BATCH_END, end),
        ],
        progress="none",
        seed=3,
    )
    try:
        trainer.fit(
            X, Y, validation=0.2, epochs=epochs, batch_size=8, resume="auto" if folder else False
        )
    except Killed:
        assert kill is not None
    return trainer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing has interrupted."""
    return switched_run(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("kill", [5, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19])
def test_a_run_that_is_killed_goes_on_with_the_parts_that_were_in_force(tmp_path, whole, kill):
    switched_run(tmp_path, kill)
    trainer = switched_run(tmp_path)
    np.testing.assert_array_equal(weights(trainer), weights(whole))
    for name, column in whole.history.as_dict().items():
        if name != "seconds":
            assert trainer.history.as_dict()[name] == pytest.approx(column, rel=0, nan_ok=True)
    assert trainer.history.switches == whole.history.switches
    assert trainer.history.warmups == whole.history.warmups
    assert trainer.history.best_epoch == whole.history.best_epoch
    assert type(trainer.optimizer) is optim.SGD
    assert (trainer.accumulate, trainer.clip_norm, trainer.step) == (2, 1.0, whole.step)


def test_a_trainer_that_has_switched_goes_on_from_before_the_switch(tmp_path):
    switch = {"optimizer": "sgd:momentum=0.9", "lr": 0.01, "loss": "huber", "clip_norm": 0.1}

    def make(out, *callbacks):
        switches = Switch(at_epoch=3, accumulate=2, **switch), Switch(at_epoch=4, metrics="mae")
        keeper = Checkpoint(out, interval=1e9, every_seconds=None)
        return regressor(lr=0.05, callbacks=[*switches, keeper, *callbacks])

    def strike(*, epoch, **facts):
        if epoch == 4 and not struck:
            struck.append(epoch)
            raise SystemExit

    struck, options = [], {"validation": (X, Y), "epochs": 5, "batch_size": 5}
    whole, trainer = make(tmp_path / "a"), make(tmp_path / "b", (Event.EPOCH_END, strike))
    expected = whole.fit(X, Y, **options).as_dict()
    with pytest.raises(SystemExit):
        trainer.fit(X, Y, **options)
    found = trainer.fit(X, Y, resume=True, **options).as_dict()
    np.testing.assert_array_equal(weights(trainer), weights(whole))
    del found["seconds"], expected["seconds"]
    assert str(found) == str(expected)  # NaN where a column has no value


def test_the_whole_run_has_switched(whole):
    assert [(s["epoch"], s["step"]) for s in whole.history.switches] == [(3, 8), (4, 14), (5, 16)]
    assert whole.history.warmups == [{"epoch": 1, "epochs": 1.0}, {"epoch": 4, "epochs": 0.5}]
    assert len(whole.history) == 6


def test_another_switch_is_another_run(tmp_path):
    switched_run(tmp_path, 10)
    text = "Switch 1 was at_epoch=3: optimizer sgd:momentum=0.9, lr 0.01, loss huber, now at_epoch"
    with pytest.raises(ValueError, match=text):
        switched_run(tmp_path, second="rmsprop")
