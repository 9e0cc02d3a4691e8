"""Trainer: the loop is the loop, whatever the data comes as."""

import numpy as np
import pytest
from tests.train.nets import Table, blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn, optim
from rushlight.data import DataLoader, Dataset, IterableDataset, TensorDataset
from rushlight.train import Accuracy, Callback, Event, Trainer, prepare


def test_it_learns_and_the_history_has_every_column():
    x, y = blobs()
    trainer = classifier()
    history = trainer.fit(x, y, validation=0.2, epochs=8, batch_size=16)
    assert list(history[0]) == [
        "epoch",
        "lr",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "seconds",
    ]
    assert [record["epoch"] for record in history] == list(range(1, 9))
    assert history[-1]["val_accuracy"] == 1
    assert trainer.evaluate(x, y)["accuracy"] > 0.95


def test_it_is_the_loop_that_one_would_write():
    x, y = line()
    trainer = regressor(optimizer="sgd", lr=0.1)
    trainer.fit(x, y, epochs=3, batch_size=16, shuffle=False)
    rl.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for i in range(0, 60, 16):
            optimizer.zero_grad()
            nn.MSELoss()(
                model(rl.from_numpy(x[i : i + 16])), rl.from_numpy(y[i : i + 16])
            ).backward()
            optimizer.step()
    np.testing.assert_array_equal(weights(trainer), weights(Trainer(model, "mse")))


class Rows(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __getitem__(self, index):
        return self.x[index], self.y[index]

    def __len__(self):
        return len(self.x)


class Stream(IterableDataset):
    def __init__(self, x, y):
        self.rows = list(zip(x, y, strict=True))

    def __iter__(self):
        return iter(self.rows)


FORMS = {
    "arrays": lambda x, y: ((x, y), {}),
    "a pair": lambda x, y: (((x, y),), {}),
    "lists": lambda x, y: ((x.tolist(), y.tolist()), {}),
    "float64": lambda x, y: ((x.astype("float64"), y.astype("float64")), {}),
    "tensors": lambda x, y: ((rl.from_numpy(x), rl.from_numpy(y)), {}),
    "TensorDataset": lambda x, y: ((TensorDataset(x, y),), {}),
    "rows": lambda x, y: ((Rows(x, y),), {}),
    "stream": lambda x, y: ((Stream(x, y),), {}),
    "loader": lambda x, y: ((DataLoader(TensorDataset(x, y), 16),), {"batch_size": None}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_data_gives_the_same_bits(form):
    x, y = line()
    expected = regressor()
    expected.fit(x, y, epochs=2, batch_size=16, shuffle=False)
    trainer = regressor()
    args, options = FORMS[form](x, y)
    trainer.fit(*args, epochs=2, **{"batch_size": 16, "shuffle": False, **options})
    np.testing.assert_array_equal(weights(trainer), weights(expected))
    assert [r["train_loss"] for r in trainer.history] == [r["train_loss"] for r in expected.history]


def test_the_loss_is_averaged_over_samples_not_over_batches():
    x, y = line(17)
    trainer = regressor(metrics=["mse"])
    found = trainer.evaluate(x, y, batch_size=8)  # batches of 8, 8 and 1
    np.testing.assert_allclose(found["loss"], found["mse"], rtol=1e-6)
    whole = trainer.evaluate(x, y, batch_size=17)
    np.testing.assert_allclose(found["loss"], whole["loss"], rtol=1e-6)


def test_a_summed_loss_is_reported_per_sample():
    x, y = line(17)
    mean = regressor().evaluate(x, y)["loss"]
    summed = regressor(loss=nn.MSELoss(reduction="sum")).evaluate(x, y, batch_size=8)["loss"]
    np.testing.assert_allclose(summed, mean, rtol=1e-6)


def test_predict_keeps_rows_leaves_targets_out_and_is_free_of_dropout():
    x, y = blobs()
    trainer = classifier()
    a = trainer.predict(x, batch_size=7)
    assert a.shape == (90, 3)
    for data in (TensorDataset(x, y), DataLoader(TensorDataset(x, y), 32), rl.from_numpy(x)):
        np.testing.assert_allclose(trainer.predict(data), a, rtol=1e-6)
    assert trainer.model.training  # back in the mode it was in


@pytest.mark.parametrize(
    "form", [list, Table, lambda a: a.astype(int), lambda a: a > 0, lambda a: a.astype(object)]
)
def test_lists_tables_and_numbers_of_any_kind_are_taken(form):
    x, y = blobs()
    x = np.round(x)
    trainer = classifier()
    trainer.fit(form(x), form(y) if form in (list, Table) else y, epochs=1)
    expected = trainer.predict(np.array(form(x), "float32"))
    np.testing.assert_array_equal(trainer.predict(form(x)), expected)


def test_integers_in_a_tensor_stay_integers():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(rl.randn(5, 3))

        def forward(self, x):
            return self.weight[x].mean(dim=1)

    trainer = regressor(model=Tokens(), loss="cross_entropy")
    history = trainer.fit(rl.randint(0, 5, (30, 4)), np.arange(30) % 3, epochs=2)
    assert len(history) == 2


def test_what_was_held_out_once_is_held_out_again(monkeypatch):
    trainer = regressor(seed=None)
    x, y = line(30)
    held = []
    real = prepare._try_out
    monkeypatch.setattr(
        prepare, "_try_out", lambda t, s, w: (held.append(s.dataset.indices), real(t, s, w))
    )
    trainer.fit(x, y, validation=0.3, epochs=1)
    rl.randn(7)
    trainer.fit(x, y, validation=0.3, epochs=1)
    assert held[0] == held[1]


def test_predict_refuses_a_loader_that_shuffles():
    x, y = blobs()
    with pytest.raises(ValueError, match="shuffles"):
        classifier().predict(DataLoader(TensorDataset(x, y), 8, shuffle=True))


def test_predict_joins_tuples_and_dicts():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(rl.ones(1))

        def forward(self, x):
            return {"double": 2 * x * self.w, "pair": (x, -x)}

    found = Trainer(Two(), lambda o, t: o["double"].mean(), progress="none").predict(
        np.ones((5, 2))
    )
    assert found["double"].shape == (5, 2)
    assert found["pair"][1].tolist() == [[-1, -1]] * 5


def test_several_inputs():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, a, b):
            return self.layer(a + b)

    x, y = line()
    trainer = Trainer(Sum(), "mse", lr=0.1, progress="none")
    trainer.fit(TensorDataset(x / 2, x / 2, y), epochs=2, batch_size=16)
    assert trainer.predict(TensorDataset(x, x, y)).shape == (60, 1)


def test_modes_are_training_in_the_loop_and_evaluation_elsewhere():
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x):
            seen.append((self.training, rl.is_grad_enabled()))
            return self.layer(x)

    x, y = line(32)
    trainer = Trainer(Spy(), "mse", progress="none")
    trainer.fit(x, y, validation=(x, y), epochs=1, batch_size=16)
    assert seen == [(False, False)] + [(True, True)] * 2 + [(False, False)] * 2
    assert not trainer.model.training


def test_a_frozen_module_stays_in_its_mode_over_an_evaluation():
    model = nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.5))
    model[1].eval()
    x, y = line()
    Trainer(model, "mse", progress="none").evaluate(x, y)
    assert [module.training for module in model] == [True, False]


def test_same_seed_same_bits_whatever_was_drawn_before():
    x, y = blobs()
    results = []
    for draws in (0, 5):
        trainer = classifier(seed=3)
        rl.randn(draws)
        trainer.fit(x, y, validation=0.2, epochs=3, batch_size=16)
        results.append(weights(trainer))
    np.testing.assert_array_equal(*results)
    other = classifier(seed=4)
    other.fit(x, y, validation=0.2, epochs=3, batch_size=16)
    assert (weights(other) != results[0]).any()


def test_without_a_seed_manual_seed_decides():
    x, y = blobs()
    results = []
    for _ in range(2):
        trainer = classifier(seed=None)
        trainer.fit(x, y, validation=0.2, epochs=3, batch_size=16)
        results.append(weights(trainer))
    np.testing.assert_array_equal(*results)


def test_two_fits_are_one_long_one():
    x, y = blobs()
    once, twice = classifier(), classifier()
    once.fit(x, y, epochs=4, batch_size=16)
    twice.fit(x, y, epochs=1, batch_size=16)
    history = twice.fit(x, y, epochs=3, batch_size=16)
    np.testing.assert_array_equal(weights(once), weights(twice))
    assert [record["epoch"] for record in history] == [1, 2, 3, 4]


def test_validation_takes_a_fraction_or_a_number_and_leaves_the_rest():
    x, y = line(50)
    for part, sizes in ((0.2, (40, 10)), (8, (42, 8))):
        seen = {"train": [], "val": []}

        def record(output, target, seen=seen):
            seen["train" if rl.is_grad_enabled() else "val"].append(target.ravel().tolist())
            return 0.0

        regressor(metrics=[record]).fit(x, y, validation=part, epochs=1, batch_size=50)
        rows = seen["train"][-1], seen["val"][-1]
        assert tuple(map(len, rows)) == sizes
        assert sorted(rows[0] + rows[1]) == sorted(y.ravel().tolist())


def test_the_best_weights_come_back_and_not_the_last():
    x, y = line()
    states = []

    class Spoil(Callback):
        def on_epoch_end(self, *, trainer, epoch, record):
            states.append(weights(trainer).copy())
            if epoch >= 2:
                with rl.no_grad():
                    trainer.model.weight += 10

    trainer = regressor(callbacks=[Spoil()])
    history = trainer.fit(x, y, validation=(x, y), epochs=4)
    assert history.best_epoch == 2
    assert history.monitor == "val_loss"
    np.testing.assert_array_equal(weights(trainer), states[1])
    kept = regressor(callbacks=[Spoil()], restore_best=False)
    kept.fit(x, y, validation=(x, y), epochs=4)
    assert (np.abs(weights(kept) - states[1]) > 5).any()


def test_without_validation_the_last_weights_stay():
    x, y = line()
    trainer = regressor(optimizer="sgd", lr=1e-3)
    seen = []
    trainer.callbacks.append((Event.EPOCH_END, lambda **f: seen.append(weights(trainer).copy())))
    trainer.fit(x, y, epochs=3)
    np.testing.assert_array_equal(weights(trainer), seen[-1])


def test_events_come_in_order_with_their_facts():
    seen = []

    def note(event):
        def listener(*, trainer, **facts):
            seen.append((event.name, tuple(facts)))

        return event, listener

    x, y = line(20)
    regressor(callbacks=[note(event) for event in Event]).fit(
        x, y, validation=(x, y), epochs=2, batch_size=10
    )
    epoch = [
        ("EPOCH_BEGIN", ("epoch",)),
        ("GRADIENTS", ("epoch", "batch")),
        ("BATCH_END", ("epoch", "batch", "loss")),
        ("GRADIENTS", ("epoch", "batch")),
        ("BATCH_END", ("epoch", "batch", "loss")),
        ("VALIDATION_END", ("epoch", "batch", "values")),
        ("EPOCH_END", ("epoch", "record")),
    ]
    begin = ("FIT_BEGIN", ("first_epoch", "last_epoch", "batches"))
    assert seen == [begin, *epoch, *epoch, ("FIT_END", ("history",))]


def test_callbacks_are_called_in_the_order_of_the_list():
    seen = []
    x, y = line(20)
    pairs = [(Event.EPOCH_END, lambda name=name, **f: seen.append(name)) for name in "abc"]
    regressor(callbacks=pairs).fit(x, y, epochs=1)
    assert seen == ["a", "b", "c"]


def test_a_callback_may_evaluate_in_the_middle_of_an_epoch():
    x, y = blobs()

    def look(*, trainer, **facts):
        assert 0 <= trainer.evaluate(x, y)["accuracy"] <= 1

    columns = []
    for callbacks in ([], [(Event.BATCH_END, look)]):
        history = classifier(callbacks=callbacks).fit(x, y, epochs=2, batch_size=16)
        columns.append(history.as_dict()["train_accuracy"])
    assert columns[0] == columns[1]


def test_a_callback_can_end_training():
    x, y = line(20)

    class Enough(Callback):
        def on_epoch_end(self, *, trainer, epoch, record):
            if epoch == 2:
                trainer.stop("enough")

    trainer = regressor(callbacks=[Enough()])
    assert len(trainer.fit(x, y, epochs=9)) == 2
    assert trainer.stopped == trainer.history.stopped == "enough"
    assert len(trainer.fit(x, y, epochs=1)) == 3  # a new fit starts afresh


def test_clip_norm_limits_the_step():
    x, y = line()
    trainer = regressor(optimizer="sgd", lr=1.0, clip_norm=1e-3)
    before = weights(trainer).copy()
    trainer.fit(x, 1000 * y, epochs=1, batch_size=60)
    np.testing.assert_allclose(np.linalg.norm(weights(trainer) - before), 1e-3, rtol=1e-2)


def test_float64_models_get_float64():
    x, y = line()
    trainer = regressor(model=nn.Linear(3, 1, dtype="float64"))
    trainer.fit(x, y, epochs=1)
    assert trainer.predict(x).dtype == np.float64


@pytest.mark.parametrize("name", ["Adam", "adam", "ADAMW", "sgd"])
def test_optimizers_by_name(name):
    assert type(regressor(optimizer=name).optimizer).__name__.lower() == name.lower()


def test_optimizers_by_class_function_and_object():
    rl.manual_seed(0)
    model = nn.Linear(3, 1)
    made = Trainer(model, "mse", optim.SGD, lr=0.5).optimizer
    assert made.param_groups[0]["lr"] == 0.5
    momentum = Trainer(model, "mse", lambda p: optim.SGD(p, lr=0.1, momentum=0.9)).optimizer
    assert momentum.param_groups[0]["momentum"] == 0.9
    assert Trainer(model, "mse", made).optimizer is made


@pytest.mark.parametrize(
    "name", ["bce", "bce_with_logits", "huber", "l1", "mae", "mse", "smooth_l1"]
)
def test_losses_by_name_take_integer_targets_as_floats(name):
    x, y = line()
    trainer = Trainer(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), name, progress="none")
    history = trainer.fit(x, (y > 0).astype(int), epochs=2)
    assert history[1]["train_loss"] < history[0]["train_loss"] + 0.1


def test_classes_may_be_probabilities():
    x, y = blobs()
    trainer = classifier()
    trainer.fit(x, np.eye(3)[y], epochs=5, batch_size=16)
    assert trainer.evaluate(x, np.eye(3)[y])["accuracy"] > 0.9


@pytest.mark.parametrize(("n", "batches"), [(33, 2), (34, 3), (32, 2)])
def test_a_last_batch_of_one_is_left_out_for_batch_norm_alone(n, batches):
    x, y = line(n)
    normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    for model, expected in ((normed, batches), (nn.Linear(3, 1), -(-n // 16))):
        seen = []
        count = (Event.BATCH_END, lambda *, batch, seen=seen, **facts: seen.append(batch))
        regressor(model=model, callbacks=[count]).fit(x, y, epochs=1, batch_size=16)
        assert len(seen) == expected


def test_a_metric_may_be_a_class():
    history = classifier(metrics=[Accuracy]).fit(*blobs(), epochs=1)
    assert "train_accuracy" in history[0]
