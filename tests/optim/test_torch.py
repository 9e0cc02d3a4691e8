"""Optimizers against torch: 200 steps of every option, state dicts both ways, errors."""

import inspect
import math
import re

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim

torch = pytest.importorskip("torch")

from tests.optim.parity import (  # noqa: E402
    OPTIMIZERS,
    Pair,
    in_torch,
    relative,
    run_optimizer,
    torch_in_full_precision,
)

NAMES = list(dict.fromkeys(name for name, _ in OPTIMIZERS))


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_200_steps(name, options):
    pair, error = run_optimizer(name, options)
    assert error < 1e-10
    got, expected = pair.a.state_dict(), pair.b.state_dict()
    assert list(got["state"]) == list(expected["state"])
    for i, entry in expected["state"].items():
        assert list(got["state"][i]) == list(entry) or name == "LBFGS"
        same_state(got["state"][i], entry, name == "LBFGS")
    for group, other in zip(got["param_groups"], expected["param_groups"], strict=True):
        assert group == other
    assert repr(pair.a) == repr(pair.b)


def same_state(a, b, roughly):
    """Compare two states; if `roughly`, their structure alone."""
    if isinstance(b, dict):
        assert set(a) == set(b)
        b, a = list(b.values()), [a[key] for key in b]
    if isinstance(b, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same_state(x, y, roughly)
    elif isinstance(b, torch.Tensor):
        if not (roughly and b.ndim == 0):  # torch has a number for a 0-d tensor now and then
            assert (tuple(a.shape), a.dtype) == (tuple(b.shape), b.numpy().dtype)
        assert roughly or relative(a.numpy(), b.numpy(), 1e-3) < 1e-10
    elif roughly:
        assert (a is None) == (b is None)
    else:
        assert a == b


@pytest.mark.parametrize(("name", "options"), [case for case in OPTIMIZERS if case[0] != "LBFGS"])
def test_several_groups(name, options):
    pair = Pair(name, options, groups=2)
    for _ in range(10):
        pair.step()
    assert pair.error() < 1e-10
    assert repr(pair.a) == repr(pair.b)


@pytest.mark.parametrize(("name", "options"), [case for case in OPTIMIZERS if case[0] != "LBFGS"])
def test_float32(name, options):
    pair = Pair(name, options, "float32")
    for _ in range(30):
        pair.step()
    assert pair.error() < 1e-3
    assert all(p.dtype == rl.float32 for p in pair.ours)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS[1::2])
def test_state_dicts_of_torch_load_and_ours_load_in_torch(name, options):
    # on loading, torch brings NAdam's float32 product to the dtype of the parameter
    tolerance = 1e-7 if name == "NAdam" else 1e-10
    pair, fresh = Pair(name, options), Pair(name, {})
    for _ in range(3):
        pair.step(skip=(1,))
    for p, q in zip(fresh.ours, pair.theirs, strict=True):
        p.data = rl.tensor(q.detach().numpy())
    fresh.a.load_state_dict(pair.b.state_dict())
    pair.a, pair.ours = fresh.a, fresh.ours
    for _ in range(3):
        pair.step()
    assert pair.error() < tolerance
    pair.b = getattr(torch.optim, name)(pair.theirs)
    pair.b.load_state_dict(in_torch(pair.a.state_dict()))
    for _ in range(3):
        pair.step()
    assert pair.error() < tolerance


@pytest.mark.parametrize("name", NAMES)
def test_signatures(name):
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(kind).parameters.values()]
        for kind in (getattr(optim, name), getattr(torch.optim, name))
    )
    assert [p for p in ours if p[0] != "epsilon_hat"] == theirs  # which is Adam's and only ours


def test_nothing_of_torch_is_missing():
    without = {"SparseAdam", "swap_in_optimizer_params_and_state"}  # no sparse gradients; tracing
    assert set(torch.optim.__all__) - set(optim.__all__) == without
    assert set(optim.__all__) - set(torch.optim.__all__) == {"Lion"}


def test_muon_agrees_with_torch_to_bfloat16():
    exact, rounded = Pair("Muon", {"lr": 1.0}), Pair("Muon", {"lr": 1.0})
    exact.step()
    for p, q in zip(rounded.ours, rounded.theirs, strict=True):
        gradient = rounded.rng.standard_normal(p.shape)
        p.grad, q.grad = rl.tensor(gradient), torch.tensor(gradient)
    rounded.a.step()
    rounded.b.step()
    assert exact.error() < 1e-12
    for p, q in zip(rounded.ours, rounded.theirs, strict=True):
        assert 1e-5 < np.abs(p.detach().numpy() - q.detach().numpy()).max() < 0.05
    with torch_in_full_precision():
        assert torch.ones(1).bfloat16().dtype == torch.float32
    assert torch.ones(1).bfloat16().dtype == torch.bfloat16


def test_options_changed_on_the_way():
    pair = Pair("SGD", {"lr": 0.1})
    changes = {3: {"momentum": 0.9}, 6: {"weight_decay": 0.1}, 9: {"momentum": 0}, 12: {"lr": 0.5}}
    changes[15] = {"momentum": 0.5}
    for step in range(20):
        for optimizer in (pair.a, pair.b):
            optimizer.param_groups[0].update(changes.get(step, {}))
        pair.step()
        assert pair.error() < 1e-12


def test_a_rate_may_be_a_tensor():
    for name in NAMES:
        pair = Pair(name, {"lr": 0.1})
        pair.a.param_groups[0]["lr"] = rl.tensor(0.1, dtype=rl.float64)
        for _ in range(3):
            pair.step()
        assert pair.error() < 1e-10, name


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0.0, 1e300])
def test_gradients_that_are_not_finite(value):
    for name in NAMES[:-1]:
        pair = Pair(name, {})
        for step in range(3):
            for p, q in zip(pair.ours, pair.theirs, strict=True):
                gradient = np.full(p.shape, value if step == 1 else 1.0)
                p.grad, q.grad = rl.tensor(gradient), torch.tensor(gradient)
            pair.a.step()
            with torch_in_full_precision():
                pair.b.step()
        for p, q in zip(pair.ours, pair.theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), 1e-9, err_msg=name)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop", "Adadelta", "NAdam", "RAdam"])
def test_squares_that_overflow_where_their_share_does_not(name, dtype):
    large = {"float16": 300.0, "float32": 2e19}[dtype]
    pair = Pair(name, {"lr": 0.01, **({"rho": 0.999} if name == "Adadelta" else {})}, dtype)
    for factor in (1.0, -0.5, 0.7):
        for p, q in zip(pair.ours, pair.theirs, strict=True):
            gradient = np.full(p.shape, large * factor, dtype)
            p.grad, q.grad = rl.tensor(gradient), torch.from_numpy(gradient)
        before = [p.detach().numpy().copy() for p in pair.ours]
        pair.a.step()
        pair.b.step()
    assert pair.error() < {"float16": 1e-2, "float32": 1e-5}[dtype]
    moved = [np.abs(p.detach().numpy() - b) for p, b in zip(pair.ours, before, strict=True)]
    assert name == "Adadelta" or all(np.all(m > 0) for m in moved)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RMSprop", {"alpha": 0.5, "momentum": 0.25}),
        ("Adagrad", {"lr_decay": 0.5, "eps": 0.25}),
        ("Adadelta", {"rho": 0.5}),
        ("NAdam", {"momentum_decay": 0.5}),
        ("Adam", {"weight_decay": 0.5, "eps": 0.25}),
        ("SGD", {"momentum": 0.5, "weight_decay": 0.25}),
    ],
)
def test_options_may_be_tensors(name, options):
    pair = Pair(name, options)
    tensors = {key: rl.tensor(value, dtype=rl.float64) for key, value in options.items()}
    pair.a = getattr(optim, name)(pair.ours, **tensors)
    for _ in range(3):
        pair.step()
    assert pair.error() < 1e-10


# ---- errors


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("Adam", {"lr": None}, "Adam: got lr of type NoneType, expected a number"),
        ("SGD", {"weight_decay": "0.1"}, "SGD: got weight_decay of type str"),
        ("Adam", {"betas": 0.9}, "Adam: got betas=0.9, expected two numbers"),
        ("RAdam", {"betas": (0.9,)}, r"RAdam: got betas=\(0.9,\), expected two numbers"),
        ("Lion", {"betas": ("a", 0.9)}, "Lion: got betas of type str, expected a number"),
    ],
)
def test_options_that_are_no_numbers(name, options, text):
    with pytest.raises(TypeError, match=text):
        getattr(optim, name)([rl.ones(2, requires_grad=True)], **options)


BAD = [
    *[(name, {"lr": -1.0}, "lr=-1.0, expected a number >= 0") for name in NAMES],
    *[(name, {"lr": "ones(2)"}, "expected one element") for name in NAMES],
    *[
        (name, {"weight_decay": -0.5}, "weight_decay=-0.5")
        for name in NAMES
        if name not in ("Rprop", "LBFGS")
    ],
    *[
        (name, {"betas": betas}, "betas=")
        for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
        for betas in ((1.0, 0.9), (0.9, -0.1))
    ],
    *[
        (name, {"eps": -1e-8}, "eps=-1e-08")
        for name in ("Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam")
    ],
    ("Adam", {"betas": (0, 0.9)}, "betas of int and float, expected two floats or two Tensors"),
    ("Adam", {"betas": (0.5, "tensor(0.9)")}, "betas of float and Tensor"),
    ("Adam", {"lr": "tensor(0.9)", "foreach": True}, "foreach=True and lr"),
    ("AdamW", {"betas": ("tensor(0.5)", "tensor(0.9)"), "foreach": True}, "as a Tensor"),
    ("Adagrad", {"foreach": True, "fused": True}, "at most one"),
    ("Adagrad", {"lr_decay": -1.0}, "lr_decay=-1.0"),
    ("Adagrad", {"initial_accumulator_value": -1.0}, "initial_accumulator_value=-1.0"),
    ("RMSprop", {"alpha": -1.0}, "alpha=-1.0"),
    ("RMSprop", {"momentum": -1.0}, "momentum=-1.0"),
    ("Rprop", {"etas": (1.0, 1.2)}, r"etas=\(1.0, 1.2\), expected the first in \(0, 1\)"),
    ("Rprop", {"etas": (0.5, 1.0)}, "etas="),
    ("Adadelta", {"rho": 1.5}, r"rho=1.5, expected a number in \[0, 1\]"),
    ("Adadelta", {"rho": -0.5}, "rho=-0.5"),
    ("NAdam", {"momentum_decay": -1.0}, "momentum_decay=-1.0"),
    ("Adafactor", {"beta2_decay": 0.5}, "beta2_decay=0.5"),
    ("Adafactor", {"d": 0.5}, "d=0.5"),
    ("Adafactor", {"eps": (-1.0, 1e-3)}, "eps="),
    ("Adafactor", {"eps": (None, -1e-3)}, "eps="),
    ("Muon", {"momentum": -1.0}, "momentum=-1.0"),
    ("Muon", {"adjust_lr_fn": "none"}, "adjust_lr_fn='none', expected None, 'original' or"),
]


@pytest.mark.parametrize(("name", "options", "text"), BAD)
def test_errors_where_torch_has_them(name, options, text):
    def options_in(lib):
        def made(value):
            if isinstance(value, tuple):
                return tuple(map(made, value))
            return eval(f"lib.{value}", {"lib": lib}) if str(value).endswith(")") else value

        keep = ("adjust_lr_fn",)
        return {key: v if key in keep else made(v) for key, v in options.items()}

    with pytest.raises(Exception) as theirs:
        getattr(torch.optim, name)([torch.ones(2, 2, requires_grad=True)], **options_in(torch))
    assert theirs.type in (ValueError, RuntimeError)
    with pytest.raises(theirs.type, match=f"{name}: .*{text}") as ours:
        getattr(optim, name)([rl.ones(2, 2, requires_grad=True)], **options_in(rl))
    assert ours.type is theirs.type


def test_errors_of_muon_and_lbfgs():
    vector, matrix = rl.ones(3, requires_grad=True), rl.ones(2, 2, requires_grad=True)
    with pytest.raises(ValueError, match=r"parameter 1 of shape \(3,\), expected 2 dims; give"):
        optim.Muon([matrix, vector])
    optimizer = optim.Muon([matrix])
    with pytest.raises(ValueError, match=r"parameter 0 of shape \(3,\)"):
        optimizer.add_param_group({"params": [vector]})
    matrix.grad = rl.ones(2, 2)
    for change in ({"ns_steps": 100}, {"ns_steps": 5, "ns_coefficients": (1.0, 2.0)}):
        optimizer.param_groups[0].update(change)
        with pytest.raises(ValueError, match=r"expected ns_steps < 100 and 3 coefficients"):
            optimizer.step()
    with pytest.raises(ValueError, match="LBFGS: got several parameter groups, expected one"):
        optim.LBFGS([{"params": [vector]}, {"params": [matrix]}])
    optimizer = optim.LBFGS([vector], line_search_fn="wolfe")
    with pytest.raises(RuntimeError, match=re.escape("got line_search_fn='wolfe', expected None")):
        optimizer.step(lambda: vector.sum())
    with pytest.raises(TypeError, match="got no closure"):
        optimizer.step()


@pytest.mark.parametrize(
    "name", ["RMSprop", "Rprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD"]
)
def test_modes_that_do_not_exist(name):
    for mode in ("capturable", "differentiable"):
        with pytest.raises(NotImplementedError, match=f"{name}: got {mode}=True"):
            getattr(optim, name)([rl.ones(2, requires_grad=True)], **{mode: True})


def test_training_agrees():
    rng = np.random.default_rng(0)
    w, b, x = rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal((8, 3))
    results = []
    for lib in (rl, torch):
        params = [lib.tensor(v, dtype=lib.float64, requires_grad=True) for v in (w, b)]
        optimizer = lib.optim.NAdam(params, lr=0.05)
        for _ in range(30):
            optimizer.zero_grad()
            hidden = (lib.tensor(x, dtype=lib.float64) @ params[0] + params[1]).tanh()
            (hidden**2).mean().backward()
            optimizer.step()
        results.append(np.concatenate([p.detach().numpy().ravel() for p in params]))
    assert relative(*results, 0.01) < 1e-9
