"""Diagnostics: the numbers are right, the words fit them, and no hook stays behind."""

import json

import numpy as np
import pytest
from tests.train.nets import blobs, line, regressor

import rushlight as rl
from rushlight import nn
from rushlight.train import Callback, Diagnostics
from rushlight.train.verdicts import verdict

X, Y = line(40)


def net(*middle):
    rl.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), *middle, nn.Linear(8, 1))


def looked(model, epochs=1, data=(X, Y), **options):
    look = options.pop("look", None) or Diagnostics()
    trainer = regressor(model=model, callbacks=[*options.pop("more", []), look], **options)
    trainer.fit(*data, epochs=epochs, batch_size=10, shuffle=False)
    return look


def hooks(model):
    held = (m._call_hooks for m in model.modules() if m._call_hooks is not None)
    return sum(len(h.after) for h in held)


class Record(Callback):
    """Notes gradients and weights, to compute the same numbers in another way."""

    def __init__(self):
        self.gradients, self.weights, self.outputs = [], [], []

    def on_fit_begin(self, *, trainer, **facts):
        self.weights.append(self.read(trainer))

    def on_gradients(self, *, trainer, epoch, batch):
        self.gradients.append([p.grad.numpy().copy() for p in trainer.model[0].parameters()])

    def on_batch_end(self, *, trainer, epoch, batch, loss):
        self.weights.append(self.read(trainer))

    def read(self, trainer):
        return np.concatenate([p.numpy(force=True).ravel() for p in trainer.model[0].parameters()])


def test_gradients_and_updates_are_those_of_the_steps():
    note = Record()
    look = looked(net(nn.ReLU()), more=[note], optimizer="sgd", clip_norm=0.01)
    layer = look.records[0]["layers"]["0"]
    norms = [np.sqrt(sum((g**2).sum() for g in gs)) for gs in note.gradients]
    assert layer["gradient_norm"] == pytest.approx(np.mean(norms), rel=1e-5)
    assert layer["gradient_max"] == pytest.approx(np.max(norms), rel=1e-5)
    old, new = note.weights[:-1], note.weights[1:]
    ratios = [
        np.linalg.norm(b - a) / np.sqrt(sum((p**2).sum() for p in [a]))
        for a, b in zip(old, new, strict=True)
    ]
    assert layer["update_ratio"] == pytest.approx(np.mean(ratios), rel=1e-3)
    assert layer["weight_norm"] == pytest.approx(np.linalg.norm(new[-1]), rel=1e-5)
    assert "1" not in [p for p, x in look.records[0]["layers"].items() if "weight_norm" in x]


def test_activations_are_those_of_all_batches():
    model, seen = net(nn.ReLU()), []
    model[1].register_forward_hook(lambda m, a, y: seen.append(y.numpy(force=True).copy()))
    look = looked(model, data=(X, Y))
    layer, outputs = look.records[0]["layers"]["1"], np.concatenate(seen)
    assert len(outputs) == 40
    assert layer["mean"] == pytest.approx(outputs.mean(), rel=1e-5)
    assert layer["std"] == pytest.approx(outputs.std(), rel=1e-5)
    assert layer["zeros"] == pytest.approx((outputs == 0).mean())
    assert layer["units"] == 8
    assert layer["dead"] == (outputs == 0).all(0).sum()
    assert layer["source"] == "0"


def test_dead_units_are_counted_over_the_whole_epoch():
    model = net(nn.BatchNorm1d(8), nn.ReLU())
    with rl.no_grad():
        model[1].bias[:3] = -100
    look = looked(model)
    assert look.records[0]["layers"]["2"]["dead"] == 3
    assert look.verdicts()["2"] == "2 (ReLU behind 0): 3 of 8 units never fired in epoch 1"


def test_units_are_channels_behind_a_convolution_and_features_behind_a_linear_layer():
    rl.manual_seed(0)
    x = rl.randn(20, 1, 6, 6).numpy()
    conv = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1))
    with rl.no_grad():
        conv[0].bias[0] = -1e3
    look = looked(conv, data=(x, x[:, 0, 0, :1]))
    layer = look.records[0]["layers"]["1"]
    assert (layer["units"], layer["dead"]) == (4, 1)
    tokens = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(30, 1))
    look = looked(tokens, data=(x[:, 0], x[:, 0, 0, :1]))
    assert look.records[0]["layers"]["1"]["units"] == 5
    bare = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(36, 1))
    look = looked(bare, data=(x, x[:, 0, 0, :1]))
    assert look.records[0]["layers"]["0"]["units"] == 1
    assert "behind" not in look.verdicts()["0"]


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Sigmoid])
def test_saturated_outputs_are_counted(kind):
    model = net(kind())
    with rl.no_grad():
        model[0].weight.mul_(1e4)
    look = looked(model)
    assert look.records[0]["layers"]["1"]["saturated"] > 0.9
    assert "of its outputs are saturated" in look.verdicts()["1"]
    assert looked(net(kind())).records[0]["layers"]["1"]["saturated"] < 0.2


def test_histograms_hold_every_number():
    look = looked(net(nn.ReLU()))
    held = look.records[0]["layers"]["0"]["histograms"]
    assert {name: sum(h["counts"]) for name, h in held.items()} == {
        "weights": 32,
        "gradients": 32,
        "activations": 80,
    }
    assert all(len(h["edges"]) == len(h["counts"]) + 1 for h in held.values())


def test_only_some_epochs_are_looked_at_and_hooks_are_there_only_then():
    model, seen = net(nn.ReLU()), []

    class Count(Callback):
        def on_batch_end(self, *, trainer, epoch, **facts):
            seen.append((epoch, hooks(model)))

    look = looked(model, epochs=5, look=Diagnostics(every=2), more=[Count()])
    assert [r["epoch"] for r in look.records] == [1, 3, 5]
    assert dict(seen) == {1: 3, 2: 0, 3: 3, 4: 0, 5: 3}
    assert hooks(model) == 0


def test_hooks_are_removed_whatever_happens():
    model = net(nn.ReLU())

    class Fail(Callback):
        def on_batch_end(self, **facts):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        looked(model, more=[Fail()])
    assert hooks(model) == 0


def test_training_is_the_same_with_and_without():
    ends = []
    for callbacks in ([], [Diagnostics()]):
        x, y = blobs()
        rl.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        options = {"loss": "cross_entropy", "callbacks": callbacks}
        regressor(model=model, **options).fit(x, y, validation=0.2, epochs=3)
        ends.append([p.numpy(force=True) for p in model.parameters()])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_validation_is_not_looked_at():
    look = Diagnostics()
    trainer = regressor(model=net(nn.ReLU()), callbacks=[look])
    big = (X * np.float32(1e6), Y)
    trainer.fit(X, Y, validation=big, epochs=1)
    assert look.records[0]["layers"]["0"]["std"] < 100


def test_the_file_of_all_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr("rushlight.train.diagnostics._can_draw", lambda: False)
    model = net(nn.ReLU())
    model.unused = nn.Linear(2, 2)
    model.forward = lambda x: model[2](model[1](model[0](x)))
    look = looked(model, epochs=2, look=Diagnostics(tmp_path / "run"))
    held = json.loads((tmp_path / "run" / "diagnostics.json").read_text())
    assert [e["epoch"] for e in held["epochs"]] == [1, 2]
    assert held["epochs"][1]["verdicts"] == look.verdicts()
    assert held["epochs"][0]["layers"]["0"]["kind"] == "Linear"
    assert "got no gradient" in look.verdicts()["unused"]
    assert str(look).splitlines() == list(look.verdicts().values())
    assert not (tmp_path / "run" / "diagnostics.png").exists()
    Diagnostics().save(tmp_path / "empty.json")
    assert json.loads((tmp_path / "empty.json").read_text()) == {"epochs": []}


def test_the_picture_of_many_layers(tmp_path):
    pytest.importorskip("matplotlib")
    layers = [layer for _ in range(9) for layer in (nn.Linear(8, 8), nn.Softplus())]
    looked(net(*layers), look=Diagnostics(tmp_path))
    assert (tmp_path / "diagnostics.png").read_bytes()[:4] == b"\x89PNG"


LINES = [
    ({"gradient_norm": 0.0, "update_ratio": 1e-3}, "its gradient is exactly 0"),
    ({"gradient_norm": 1.0, "update_ratio": 3e-7}, "updates are 3e-07 of the weights"),
    ({"gradient_norm": 1.0, "update_ratio": 0.4}, "each step changes the weights by 40 %"),
    ({"gradient_norm": 1.0, "update_ratio": None}, "nothing was seen of it"),
    ({"gradient_norm": 1.0, "update_ratio": 1e-3}, "learns, by 0.001 of its weights a step"),
    ({"weight_norm": 1.0, "gradient_norm": None}, "its parameters got no gradient"),
    ({"units": 4, "dead": 4, "std": 0.0, "mean": 0.0}, "none of its 4 units fired in epoch 7"),
    ({"units": 40, "dead": 1, "zeros": 0.5}, "fires at 50 %, 1 of 40 units never"),
    ({"mean": 5.0, "std": 0.0}, "its outputs are all the same (5)"),
    ({"mean": 5.0, "std": 1e5}, "its outputs spread by 1e+05"),
    ({"mean": 0.5, "std": 1.0}, "gives 0.5 ± 1"),
]


@pytest.mark.parametrize(("layer", "text"), LINES)
def test_verdicts_in_words(layer, text):
    assert verdict("a.b", {"kind": "Any", **layer}, 7).startswith(f"a.b (Any): {text}")


def test_errors():
    with pytest.raises(ValueError, match="Diagnostics every: got 0"):
        Diagnostics(every=0)
    look = Diagnostics()
    assert str(look) == "Diagnostics: no epochs"
    with pytest.raises(ValueError, match="got no epoch so far"):
        look.verdicts()
    with pytest.raises(ValueError, match=r"Diagnostics\.plot: got no epoch so far"):
        look.plot("never.png")
    look = looked(net(nn.ReLU()))
    with pytest.raises(ValueError, match=r"got epoch 3, expected one of \[1\]"):
        look.verdicts(3)
