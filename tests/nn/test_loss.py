"""Losses: what samples cannot say: extremes, messages, dtypes, gradients of targets and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import nn
from rushlight.errors import DtypeError, ShapeError
from rushlight.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def _both(name: str, *arrays: Any, **options: Any) -> None:
    """Compare a loss and its gradients by all floating arguments with torch."""
    ours = [rl.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    mine = {k: rl.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    other = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    y, right = getattr(F, name)(*ours, **mine), getattr(TF, name)(*theirs, **other)
    assert y.shape == tuple(right.shape)
    assert str(y.dtype) == str(right.dtype).removeprefix("torch.")
    np.testing.assert_allclose(y.detach().numpy(), right.detach().numpy(), 1e-6, 1e-12)
    y.sum().backward()
    right.sum().backward()
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if b.grad is not None:
            assert a.grad.dtype == a.dtype
            np.testing.assert_allclose(
                a.grad.numpy(), b.grad.numpy(), 1e-6, 1e-12, err_msg=f"argument {i}"
            )


# ---- extremes


def test_certain_probabilities_have_finite_losses() -> None:
    p, t = np.array([0.0, 1.0, 0.0, 1.0, 0.3]), np.array([0.0, 1.0, 1.0, 0.0, 0.2])
    _both("binary_cross_entropy", p, t, reduction="none")
    _both("binary_cross_entropy", p, t, reduction="mean", weight=uniform(5))


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e4])
def test_large_logits(scale: float) -> None:
    x = normal(6, 4) * scale
    with np.errstate(all="raise", under="ignore"):
        for options in ({}, {"pos_weight": uniform(4, high=3)}):
            _both("binary_cross_entropy_with_logits", x, uniform(6, 4), **options)
        _both("cross_entropy", x, integers(6, high=4))
        _both("cross_entropy", x, integers(6, high=4), label_smoothing=0.3)


def test_infinite_logits() -> None:
    x = np.array([[-np.inf, 1.0, 2.0], [-np.inf, -np.inf, 3.0]])
    _both("cross_entropy", x, np.array([1, 2]))
    _both("cross_entropy", x, np.array([0, 2]), reduction="none")


def test_large_float32_logits_keep_small_losses() -> None:
    x = rl.tensor([[1000.0, 1002.0], [-1000.0, -1010.0]], requires_grad=True)
    y = F.cross_entropy(x, rl.tensor([1, 0]), reduction="none")
    expected = np.log1p(np.exp([-2.0, -10.0]))
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_nothing_counts(smoothing: float) -> None:
    """A mean over nothing is nan; its gradient is 0, as in torch."""
    labels = np.full(4, -100)
    _both("cross_entropy", normal(4, 3), labels, label_smoothing=smoothing)
    _both("cross_entropy", normal(4, 3), labels, label_smoothing=smoothing, reduction="sum")
    _both("cross_entropy", normal(4, 3), labels, label_smoothing=smoothing, weight=uniform(3))
    _both("nll_loss", normal(4, 3), labels)


def test_an_ignored_row_may_hold_anything() -> None:
    x = normal(4, 3)
    x[1] = np.nan
    labels = np.array([0, -100, 2, 1])
    y = F.cross_entropy(rl.tensor(x), rl.tensor(labels))
    rest = F.cross_entropy(rl.tensor(x[[0, 2, 3]]), rl.tensor(labels[[0, 2, 3]]))
    assert y.item() == pytest.approx(rest.item())


# ---- the options of the functional losses


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weights_of_regression(name: str, reduction: str) -> None:
    _both(name, normal(4, 3), normal(4, 3, seed=1), weight=uniform(4, 3), reduction=reduction)
    with pytest.raises(ValueError, match=rf"{name}: got weight \(3,\), expected \(4, 3\)"):
        getattr(F, name)(rl.zeros(4, 3), rl.zeros(4, 3), weight=rl.ones(3))
    with pytest.raises(ValueError, match="'avg'"):
        getattr(F, name)(rl.zeros(4), rl.zeros(4), weight=rl.ones(4), reduction="avg")


def test_gradient_of_a_regression_weight() -> None:
    x, w = normal(4), uniform(4)
    ours, theirs = rl.tensor(w, requires_grad=True), torch.tensor(w, requires_grad=True)
    F.mse_loss(rl.tensor(x), rl.zeros(4, dtype=rl.float64), weight=ours).backward()
    TF.mse_loss(torch.tensor(x), torch.zeros(4, dtype=torch.float64), weight=theirs).backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), 1e-9)


def test_smooth_l1_of_beta_0_is_l1() -> None:
    _both("smooth_l1_loss", normal(5), normal(5, seed=1), beta=0.0)
    with pytest.raises(RuntimeError, match=r"smooth_l1_loss: got beta=-1"):
        F.smooth_l1_loss(rl.zeros(2), rl.zeros(2), beta=-1)


def test_regression_promotes() -> None:
    _both("mse_loss", normal(4).astype("f4"), normal(4, seed=1))
    _both("mse_loss", normal(4).astype("f4"), integers(4, high=5))
    _both("l1_loss", normal(4), integers(4, high=5))


def test_logits_and_probabilities_promote() -> None:
    _both("binary_cross_entropy_with_logits", normal(4).astype("f4"), uniform(4))
    target = uniform(4, 3)
    target /= target.sum(1, keepdims=True)
    _both("cross_entropy", normal(4, 3).astype("f4"), target)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4, 2), (2, 3, 0, 2), (3,)])
def test_channels_last_scores(shape: tuple[int, ...]) -> None:
    x = normal(*shape)
    labels = integers(*(shape[:1] + shape[2:] if len(shape) > 1 else ()), high=3)
    labels = np.asarray(labels)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 1 else x
    grads = []
    for given in (x, last):
        a = rl.from_numpy(given.copy(order="K")).requires_grad_()
        F.cross_entropy(a, rl.tensor(labels), reduction="sum").backward()
        grads.append(a.grad.numpy())
    np.testing.assert_allclose(*grads, 1e-12)


# ---- messages


def _fails(match: str, error: type[Exception], name: str, *args: Any, **options: Any) -> None:
    with pytest.raises(error, match=match):
        getattr(F, name)(*args, **options)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_missing_dim_is_an_error(name: str) -> None:
    match = rf"{name}: got input \(4, 1\) and target \(4,\), expected equal shapes; "
    _fails(match + r"target\.unsqueeze\(-1\)", ShapeError, name, rl.zeros(4, 1), rl.zeros(4))


def test_messages() -> None:
    x, labels = rl.zeros(4, 3), rl.tensor([0, 1, 3, 7])
    _fails(
        r"cross_entropy: got class index 3 at target\[2\], expected 0 to 2 for input \(4, 3\)",
        IndexError,
        "cross_entropy",
        x,
        labels,
    )
    _fails(
        r"cross_entropy: got target float32 \(4,\), expected int64 class indices \(4,\), "
        r"or floating probabilities \(4, 3\); target\.long\(\)",
        DtypeError,
        "cross_entropy",
        x,
        rl.zeros(4),
    )
    _fails(r"nll_loss: got target bool", DtypeError, "nll_loss", x, rl.zeros(4).bool())
    _fails(
        r"target \(4, 3\).*target\.argmax\(1\).*target\.float\(\) probabilities",
        ShapeError,
        "cross_entropy",
        x,
        rl.zeros(4, 3).long(),
    )
    _fails(r"target of type list", TypeError, "cross_entropy", x, [0, 1, 2, 0])
    _fails(r"target of type NoneType", TypeError, "nll_loss", x, None)
    _fails(
        r"weight of type list",
        TypeError,
        "cross_entropy",
        x,
        rl.tensor([0, 1, 2, 0]),
        [1.0, 2.0, 3.0],
    )
    _fails(
        r"ignore_index=1 with probabilities",
        RuntimeError,
        "cross_entropy",
        x,
        rl.zeros(4, 3),
        ignore_index=1,
    )
    _fails(
        r"binary_cross_entropy: got input float32 and target int64.*probability",
        DtypeError,
        "binary_cross_entropy",
        rl.zeros(3),
        rl.tensor([0, 1, 1]),
    )
    _fails(
        r"all elements of target should be between 0 and 1, got values from 0.0 to 2.0",
        RuntimeError,
        "binary_cross_entropy",
        rl.zeros(3),
        rl.tensor([0.0, 1.0, 2.0]),
    )


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("binary_cross_entropy", rl.ones(2, 3)),
        ("binary_cross_entropy_with_logits", rl.ones(2, 3)),
        ("cross_entropy", rl.tensor([0, 1])),
        ("cross_entropy", rl.ones(2, 3)),
        ("nll_loss", rl.tensor([0, 1])),
    ],
)
def test_weights_have_no_gradient(name: str, target: Any) -> None:
    weight = rl.ones(3, requires_grad=True)
    x = rl.ones(2, 3, requires_grad=True)
    _fails(rf"{name} is not differentiable.*weight", RuntimeError, name, x, target, weight)
    with rl.no_grad():
        getattr(F, name)(x, target, weight)


def test_a_weight_modified_before_backward_is_noticed() -> None:
    weight = rl.ones(3)
    x = rl.zeros(2, 3, requires_grad=True)
    y = F.cross_entropy(x, rl.ones(2, 3), weight)
    weight.fill_(5.0)
    with pytest.raises(RuntimeError, match="modified"):
        y.backward()


def test_labels_modified_before_backward_do_not_matter() -> None:
    """The loss copies the places of the labels, so a buffer of labels may be used again."""
    labels = rl.tensor([0, 1])
    x = rl.zeros(2, 3, requires_grad=True)
    y = F.cross_entropy(x, labels)
    labels.fill_(2)
    y.backward()
    assert x.grad.argmin(1).tolist() == [0, 1]


def test_modules_hold_what_torchs_hold() -> None:
    loss = nn.BCEWithLogitsLoss(weight=rl.ones(2), pos_weight=rl.ones(2))
    assert list(loss.state_dict()) == ["weight", "pos_weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    loss = nn.CrossEntropyLoss(ignore_index=3, label_smoothing=0.1, reduction="sum")
    assert (loss.ignore_index, loss.label_smoothing, loss.reduction) == (3, 0.1, "sum")
    assert loss.weight is None
    assert (nn.SmoothL1Loss(beta=2.0).beta, nn.HuberLoss(delta=2.0).delta) == (2.0, 2.0)


def test_deprecated_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="size_average"):
        nn.MSELoss(size_average=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        nn.MSELoss("sum")  # type: ignore[misc]


# ---- infinities, nan, and what is no floating tensor

INF = float("inf")


def test_infinite_logits_of_a_yes() -> None:
    x, t = rl.tensor([INF, INF, -INF, -INF]), rl.tensor([0.25, 0.0, 0.25, 1.0])
    y = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    assert y.tolist() == [INF] * 4


@pytest.mark.parametrize("x", [-INF, INF, -40.0, 40.0, 0.5])
def test_gradient_of_the_target_beside_a_small_pos_weight(x: float) -> None:
    t, few = rl.tensor([0.25], dtype=rl.float64, requires_grad=True), 1e-10
    given = rl.tensor([x], dtype=rl.float64)
    y = F.binary_cross_entropy_with_logits(given, t, pos_weight=rl.tensor([few]).double())
    y.backward()
    yes, no = np.logaddexp(0.0, -x), np.logaddexp(0.0, x)
    np.testing.assert_allclose(t.grad.numpy(), [few * yes - no], 1e-7)


def test_l1_at_nan_has_the_gradient_0_on_all_ways() -> None:
    for graph in (False, True):
        x = rl.tensor([float("nan"), 2.0], requires_grad=True)
        (g,) = rl.autograd.grad(F.l1_loss(x, rl.zeros(2)), x, create_graph=graph)
        assert g.tolist() == [0.0, 0.5]
    _both("l1_loss", np.array([np.nan, 2.0]), np.zeros(2), reduction="sum")


def test_gaussian_of_a_float_variance_and_integers() -> None:
    x, t = integers(5, high=9), integers(5, high=9, seed=1)
    ours = F.gaussian_nll_loss(rl.tensor(x), rl.tensor(t), 0.5)
    theirs = TF.gaussian_nll_loss(torch.tensor(x), torch.tensor(t), 0.5)
    assert ours.item() == pytest.approx(theirs.item())
    assert ours.dtype == rl.float32


def test_gaussian_of_an_infinite_and_a_tiny_variance() -> None:
    var = np.array([np.inf, 1e-9, 0.5])
    _both("gaussian_nll_loss", normal(3), normal(3, seed=1), var, reduction="none")


@pytest.mark.parametrize("var", [-1.0, rl.tensor([-1.0, float("nan")])])
def test_gaussian_of_a_negative_variance(var: Any) -> None:
    with pytest.raises(ValueError, match="gaussian_nll_loss: got var from"):
        F.gaussian_nll_loss(rl.zeros(0 if isinstance(var, float) else 2), rl.zeros(1), var)


def test_booleans_are_refused_by_name() -> None:
    yes = rl.tensor([True, False])
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        _fails(rf"{name}: got input bool and target bool", DtypeError, name, yes, yes)


def test_soft_margin_has_no_gradient_of_the_target() -> None:
    t = rl.ones(2, requires_grad=True)
    _fails("soft_margin_loss is not diff.*target", RuntimeError, "soft_margin_loss", rl.zeros(2), t)


X, LABELS = rl.ones(2, 3), rl.tensor([0, 1])
TENSORS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), (X, X)),
    **dict.fromkeys(("binary_cross_entropy", "binary_cross_entropy_with_logits"), (X, X)),
    **dict.fromkeys(("nll_loss", "cross_entropy", "multi_margin_loss"), (X, LABELS)),
    **dict.fromkeys(("kl_div", "poisson_nll_loss", "hinge_embedding_loss"), (X, X)),
    **dict.fromkeys(("margin_ranking_loss", "triplet_margin_loss"), (X, X, X)),
    "cosine_embedding_loss": (X, X, LABELS),
    "soft_margin_loss": (X, X),
    "multilabel_margin_loss": (X, X.long()),
    "linear_cross_entropy": (X, X, LABELS),
    "ctc_loss": (rl.zeros(4, 2, 3), rl.ones(2, 1).long()),
}


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("wrong", [np.ones((2, 3)), [0, 1], 1.5, None, "a"], ids=repr)
def test_what_is_no_tensor_is_refused_by_name(name: str, wrong: Any) -> None:
    rest = ((4, 4), (1, 1)) if name == "ctc_loss" else ()
    getattr(F, name)(*TENSORS[name], *rest)
    for i in range(len(TENSORS[name])):
        args = [*TENSORS[name], *rest]
        args[i] = wrong
        kind = type(wrong).__name__
        _fails(rf"{name}: got \w+ of type {kind}, expected a Tensor", TypeError, name, *args)
