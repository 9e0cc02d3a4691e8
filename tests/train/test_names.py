"""Parts by name: one syntax for losses, optimizers, schedules, metrics and activations."""

import inspect

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.sklearn import NetClassifier, NetRegressor
from rushlight.train import F1, MAE, Accuracy, TopK, make_activation
from rushlight.train.activations import activation_names
from rushlight.train.metrics import make_metrics, metric_names
from rushlight.train.names import pieces, plain, read_list, read_name
from rushlight.train.parts import loss_names, make_loss, make_optimizer, optimizers


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("huber", "huber", {}),
        (" huber : delta = 0.5 ", "huber", {"delta": 0.5}),
        ("a:b=true,c=None,d=FALSE", "a", {"b": True, "c": None, "d": False}),
        ("a:b=[1, 2],c=(0.9,0.99)", "a", {"b": [1, 2], "c": (0.9, 0.99)}),
        ("a:b=word,c='x, y=1',d=-1e-3", "a", {"b": "word", "c": "x, y=1", "d": -1e-3}),
        ("a:b=inf", "a", {"b": float("inf")}),
        ("a:b={'x': 1}", "a", {"b": {"x": 1}}),
    ],
)
def test_a_name_and_its_options(text, name, options):
    assert read_name("part", text) == (name, options)


@pytest.mark.parametrize("text", ["a:", "a:b", "a:b=", "a:=1", "a:b=1,b=2", "a:b=1,,c=2", "a:2=1"])
def test_what_is_no_name_with_options(text):
    with pytest.raises(ValueError, match=r"part: got 'a.*expected 'name' or 'name:option=value,"):
        read_name("part", text)


@pytest.mark.parametrize(("text", "mark"), [("a:b=[1,2", "]"), ("a:b='x", "'"), ("a:b=(]", "\\)")])
def test_what_is_not_closed(text, mark):
    with pytest.raises(ValueError, match=f"expected a closing {mark}"):
        read_name("part", text)


@pytest.mark.parametrize("text", ["__import__('os').getcwd()", "().__class__", "1+open", "[x]"])
def test_nothing_is_run(text):
    assert plain(text) == text


def test_deep_brackets_are_no_way_to_crash():
    assert plain("(" * 5000 + ")" * 5000)


def test_lists():
    assert read_list("metrics", "mae") == ["mae"]
    text = "f1:average=micro,labels=[0,1], top5 ,roc_auc:binary=true,name=auc"
    assert read_list("metrics", text) == [
        "f1:average=micro,labels=[0,1]",
        "top5",
        "roc_auc:binary=true,name=auc",
    ]
    assert pieces("x", "a  b\tc=(1, 2) ", " ") == ["a", "b", "c=(1, 2)"]


# ---- losses


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("huber", nn.HuberLoss),
        ("HuberLoss", nn.HuberLoss),
        ("l2", nn.MSELoss),
        ("Cross-Entropy", nn.CrossEntropyLoss),
        ("BCEWithLogitsLoss", nn.BCEWithLogitsLoss),
        ("binary_cross_entropy", nn.BCELoss),
        ("mse_loss", nn.MSELoss),
        ("mean_absolute_error", nn.L1Loss),
        ("MultiLabelSoftMarginLoss", nn.MultiLabelSoftMarginLoss),
    ],
)
def test_losses_have_torchs_names_as_well(name, kind):
    assert type(make_loss(name)) is kind


def test_every_loss_of_an_output_and_a_target_has_a_name():
    """What torch's forward calls with two arguments and no constructor needs."""
    fit = set()
    for name in nn.__all__:
        kind = getattr(nn, name)
        if not name.endswith("Loss") or name in ("CTCLoss", "NLLLoss2d"):
            continue
        forward = [p for p in inspect.signature(kind.forward).parameters if p != "self"]
        needed = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
        if len(forward) == 2 and not needed:
            fit.add(kind)
    assert {type(make_loss(name)) for name in loss_names()} == fit


def test_options_of_losses():
    assert make_loss("huber:delta=0.5").delta == 0.5
    assert make_loss("cross_entropy:label_smoothing=0.1").label_smoothing == 0.1
    weighted = make_loss("cross_entropy:weight=[1, 2, 5]").weight
    np.testing.assert_array_equal(weighted.numpy(), np.array([1, 2, 5], "float32"))
    assert make_loss("mse:reduction=sum").reduction == "sum"
    assert make_loss("kl_div").reduction == "batchmean"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hubber", "loss: got 'hubber', expected one of 'bce', .*did you mean 'huber'"),
        ("huber:detla=1", "got an option 'detla', expected .*delta=1.0; did you mean 'delta'"),
        ("mse:delta=1", "loss 'mse': got an option 'delta', expected reduction='mean'"),
        ("huber:delta=big", "loss 'huber': got delta='big', expected a value of type float"),
        ("huber:delta=true", "got delta=True, expected a value of type float"),
        ("cross_entropy:ignore_index=0.5", "expected a value of type int"),
        ("cross_entropy:weight=heavy", "weight='heavy', expected a value of type list | None"),
        ("mse:reduction=none", "got reduction='none', expected 'mean' or 'sum'"),
        ("gaussian_nll", "it needs a variance, too"),
        ("hinge", "'multi_margin' is that of classes"),
        ("CosineEmbedding", "compares two outputs"),
        ("", "loss: got ''"),
    ],
)
def test_messages_of_losses(text, message):
    with pytest.raises(ValueError, match=message):
        make_loss(text)


# ---- optimizers


def test_options_of_optimizers():
    model = nn.Linear(2, 1)
    made = make_optimizer("sgd:momentum=0.9,nesterov=true", model, 0.1)
    group = made.param_groups[0]
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.9, True, 0.1)
    made = make_optimizer("AdamW:betas=(0.8, 0.9),lr=0.5", model, None)
    assert isinstance(made, optim.AdamW)
    assert (made.param_groups[0]["betas"], made.param_groups[0]["lr"]) == ((0.8, 0.9), 0.5)
    assert set(optimizers().makers) >= {"sgd", "adam", "rmsprop", "lion", "muon"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adamm", "optimizer: got 'adamm', .*did you mean 'adam'"),
        (
            "sgd:momentun=1",
            r"'sgd': got an option 'momentun', expected lr=0.001, momentum=0, .*mom",
        ),
        ("sgd:momentum=lots", "momentum='lots', expected a value of type float"),
        ("adam:betas=0.9", r"betas=0.9, expected a value of type tuple"),
        ("adam:betas=(0.9,)", "betas"),
        ("sgd:params=[]", "an option 'params'"),
        ("sgd:momentum=-1", "momentum"),
        ("lbfgs", "its steps need a closure"),
    ],
)
def test_messages_of_optimizers(text, message):
    with pytest.raises(ValueError, match=message):
        make_optimizer(text, nn.Linear(2, 1), None)


def test_two_rates_are_one_too_many():
    with pytest.raises(ValueError, match=r"lr: got lr=0.1 and opti.*, expected one learning"):
        make_optimizer("sgd:lr=0.2", nn.Linear(2, 1), 0.1)


# ---- metrics


def test_metrics_by_name_know_the_loss_and_take_options():
    (accuracy,) = make_metrics("accuracy", nn.BCELoss())
    assert accuracy.threshold == 0.5
    (accuracy,) = make_metrics("accuracy:threshold=0.7", nn.BCELoss())
    assert accuracy.threshold == 0.7
    (f1,) = make_metrics("f1", nn.BCEWithLogitsLoss())
    assert (f1.average, f1.threshold) == ("binary", 0.0)
    made = make_metrics("mae, f1:average=weighted,name=f1w, top3", nn.CrossEntropyLoss())
    assert [type(metric) for metric in made] == [MAE, F1, TopK]
    assert (made[1].average, made[1].name, made[1].ignore_index) == ("weighted", "f1w", -100)
    assert made[2].k == 3
    assert [type(m) for m in make_metrics(["Accuracy"], nn.NLLLoss())] == [Accuracy]
    (auc,) = make_metrics("auc:binary=true", nn.CrossEntropyLoss())
    assert auc.binary


def test_every_metric_has_a_name():
    from rushlight.train import metrics

    named = {type(make_metrics(name, nn.CrossEntropyLoss())[0]) for name in metric_names()}
    kinds = {getattr(metrics, name) for name in metrics.__all__ if name[0].isupper()}
    assert named == kinds - {metrics.Metric, metrics.Average}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acuracy", "metrics: got 'acuracy', .*did you mean 'accuracy'"),
        ("f1:avg=micro", "metrics 'f1': got an option 'avg', expected average='macro', labels"),
        ("psnr:data_range=wide", "data_range='wide', expected a value of type float"),
        ("loss", "stands in the history in any case"),
    ],
)
def test_messages_of_metrics(text, message):
    with pytest.raises(ValueError, match=message):
        make_metrics(text, nn.CrossEntropyLoss())


# ---- activations


def test_activations_by_name_are_new_each_time_and_all_of_them_run():
    x = rl.linspace(-2, 2, 9)
    for name in activation_names():
        made = make_activation(name)
        assert isinstance(made, nn.Module)
        assert made is not make_activation(name)
        assert made(x).shape == (9,)
    assert type(make_activation("swish")) is nn.SiLU
    assert type(make_activation("LeakyReLU")) is nn.LeakyReLU
    assert make_activation("softplus:beta=2").beta == 2
    assert make_activation("gelu:approximate=tanh").approximate == "tanh"
    assert make_activation("gelu:approximate=none").approximate == "none"


def test_activations_by_object():
    module = nn.PReLU()
    made = make_activation(module)
    assert type(made) is nn.PReLU
    assert made is not module
    assert type(make_activation(nn.ReLU)) is nn.ReLU
    assert make_activation(lambda: nn.ELU(0.5)).alpha == 0.5


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "rleu",
            ValueError,
            "activation: got 'rleu', expected one of 'celu', .*did you mean 'relu",
        ),
        ("relu:slope=1", ValueError, "'relu': got an option 'slope', expected no options"),
        ("softmax", ValueError, "take logits"),
        (3, ValueError, "activation: got int"),
        (np.tanh, TypeError, "activation: got .*ufunc.*expected an activation module"),
    ],
)
def test_messages_of_activations(given, error, message):
    with pytest.raises(error, match=message):
        make_activation(given)


def test_the_estimators_take_the_same_names():
    x = np.random.default_rng(0).normal(size=(20, 2))
    net = NetClassifier((4,), activation="leaky_relu:negative_slope=0.3", max_iter=1)
    net.fit(x, np.arange(20) % 2)
    assert [m.negative_slope for m in net.module_.modules() if type(m) is nn.LeakyReLU] == [0.3]
    net = NetRegressor(
        (4,), loss="huber:delta=0.5", optimizer="sgd:momentum=0.5", weight_decay=0.1, max_iter=1
    )
    net.fit(x, x[:, 0])
    assert net.module_ is not None
