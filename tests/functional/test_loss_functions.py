"""Every loss function of likelihoods, margins and many classes against torch, and its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight.functional import likelihood_loss, linear_loss, margin_loss
from rushlight.nn import functional as F

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise  # noqa: E402

A, B, C = (normal(4, 3, seed=seed) for seed in (1, 2, 3))
SIGNS = np.array([1, -1, 1, -1])
MIXED = np.array([1, -1, 0, 7])  # and neither
SIDES = np.where(normal(4, 3, seed=5) > 0, 1.0, -1.0)
SETS = np.array([[1, -1, 0], [0, 1, 2], [-1, 2, 1], [2, 2, -1]])
LABELS = integers(4, high=3)
LOGS = np.log(uniform(4, 3, low=0.1, seed=1))
CHANCES = uniform(4, 3, low=0.1, seed=2)
SPREAD = uniform(4, 3, low=0.1, seed=3)
COUNTS = np.array([[0.0, 1.0, 2.0], [1.5, 0.5, 9.0], [30.0, 1.0, 0.0], [3.0, 4.0, 5.0]])
PATHS = normal(7, 3, 5) - np.log(np.exp(normal(7, 3, 5)).sum(2, keepdims=True))
SPELLED = np.array([[1, 2, 3], [4, 4, 2], [1, 3, 0]])
STEPS, LENGTHS = np.array([7, 6, 3]), np.array([3, 2, 1])
W, BIAS = normal(3, 5, seed=4), normal(3, seed=4)
ROWS = normal(4, 5, seed=6)

# name -> calls of (lib, *arrays); each is compared in value, dtype, shape and gradient
CASES: dict[str, list[tuple[Any, ...]]] = {}


def case(name: str, f: Any, *arrays: Any) -> None:
    CASES.setdefault(name, []).append((lambda t, *xs: f(t.nn.functional, *xs), *arrays))


for _r in ("mean", "sum", "none"):
    for _m in (0.0, 0.3):
        for _t in (SIGNS, MIXED, MIXED.astype("float32")):
            case(
                "cosine_embedding_loss",
                lambda f, a, b, t, r=_r, m=_m: f.cosine_embedding_loss(
                    a, b, t.detach(), m, reduction=r
                ),
                A,
                B,
                _t,
            )
    for _t in (SIDES, SIDES[0].astype(int), MIXED[:, None]):
        case(
            "hinge_embedding_loss",
            lambda f, x, t, r=_r: f.hinge_embedding_loss(x, t, 0.7, reduction=r),
            A,
            _t,
        )
    case(
        "margin_ranking_loss",
        lambda f, a, b, t, r=_r: f.margin_ranking_loss(a, b, t, 0.2, reduction=r),
        A,
        B[:1],
        SIDES[:, :1],
    )
    case(
        "triplet_margin_loss",
        lambda f, a, b, c, r=_r: f.triplet_margin_loss(a, b, c, 0.5, 3, 1e-4, True, reduction=r),
        A,
        B,
        C[:1],
    )
    case(
        "triplet_margin_with_distance_loss",
        lambda f, a, b, c, r=_r: f.triplet_margin_with_distance_loss(
            a, b, c, distance_function=lambda x, y: ((x - y) ** 2).sum(-1), reduction=r
        ),
        A,
        B,
        C,
    )
    case(
        "soft_margin_loss",
        lambda f, x, t, r=_r: f.soft_margin_loss(x, t.detach(), reduction=r),
        A * 9,
        SIDES[0],
    )
    case(
        "multilabel_soft_margin_loss",
        lambda f, x, t, w, r=_r: f.multilabel_soft_margin_loss(x, t, w.detach(), reduction=r),
        A * 9,
        CHANCES,
        CHANCES[1],
    )
    case(
        "multilabel_margin_loss",
        lambda f, x, t, r=_r: f.multilabel_margin_loss(x, t, reduction=r),
        A,
        SETS,
    )
    for _p in (1, 2):
        case(
            "multi_margin_loss",
            lambda f, x, t, w, r=_r, p=_p: f.multi_margin_loss(
                x, t, p, 0.8, w.detach(), reduction=r
            ),
            A,
            LABELS,
            CHANCES[0],
        )
        for _x, _t in ((A[0], np.array(1)), (A[0], np.array([1])), (A[:1], np.array(2))):
            case(
                "multi_margin_loss",
                lambda f, x, t, r=_r, p=_p: f.multi_margin_loss(x, t, p, reduction=r),
                _x,
                _t,
            )
    case(
        "poisson_nll_loss",
        lambda f, x, t, r=_r: f.poisson_nll_loss(x, t.detach(), False, True, eps=0.1, reduction=r),
        CHANCES,
        COUNTS,
    )
    case(
        "poisson_nll_loss",
        lambda f, x, t, r=_r: f.poisson_nll_loss(x, t, reduction=r),
        A,
        COUNTS[0],
    )
    for _v in (SPREAD, SPREAD[:, 0], SPREAD[:1], SPREAD - SPREAD.min()):
        case(
            "gaussian_nll_loss",
            lambda f, x, t, v, r=_r: f.gaussian_nll_loss(x, t, v, True, 0.3, reduction=r),
            A,
            B,
            _v,
        )
    for _s in (STEPS, np.array([7, 2, 0])):
        case(
            "ctc_loss",
            lambda f, x, t, s, n, r=_r: f.ctc_loss(x, t, s, n, 0, r, True),
            PATHS,
            SPELLED,
            _s,
            LENGTHS,
        )
    for _k in (1, 3, 4):
        case(
            "linear_cross_entropy",
            lambda f, x, w, b, t, r=_r, k=_k: f.linear_cross_entropy(
                x, w, t, linear_bias=b, reduction=r, options=_parts(f, batch_chunk_size=k)
            ),
            ROWS,
            W,
            BIAS,
            LABELS,
        )
for _r in ("sum", "none", "batchmean"):
    case("kl_div", lambda f, x, t, r=_r: f.kl_div(x, t, reduction=r), LOGS, CHANCES)
    case(
        "kl_div",
        lambda f, x, t, r=_r: f.kl_div(x, t, reduction=r, log_target=True),
        LOGS,
        LOGS[1],
    )
case("kl_div", lambda f, x: f.kl_div(x[0, 0], x[0, 1].exp(), reduction="batchmean"), LOGS)
ZERO = np.array([[0.0, 1.0, 0.0]])
case("kl_div", lambda f, x, t: f.kl_div(x, t.detach(), reduction="sum"), LOGS[:1], ZERO)
case("gaussian_nll_loss", lambda f, x, t: f.gaussian_nll_loss(x, t[0], 0.5), A, B)
case("ctc_loss", lambda f, x: f.ctc_loss(x, _long(f, [1, 2, 4, 3]), (7, 6, 7), (2, 0, 2)), PATHS)
case("ctc_loss", lambda f, x: f.ctc_loss(x[:, 0], _long(f, [[1, 2]]), [7], [2], 3, "none"), PATHS)
case(
    "ctc_loss",
    lambda f, x, t: f.ctc_loss(x[:, 1], t[1], STEPS[:1].tolist(), (3,), reduction="sum"),
    PATHS,
    SPELLED.astype(np.int32),
)
case(
    "linear_cross_entropy",
    lambda f, x, w, t: f.linear_cross_entropy(x[0], w, t[0]),
    ROWS,
    W,
    LABELS,
)
case(
    "linear_cross_entropy",
    lambda f, x, w, t: f.linear_cross_entropy(x, w, t, label_smoothing=0.3),
    ROWS,
    W,
    CHANCES,
)
case(
    "linear_cross_entropy",
    lambda f, x, w, b, t: f.linear_cross_entropy(x, w, t, linear_bias=b, ignore_index=1),
    ROWS,
    normal(3, 2, 2, 5),
    normal(3, 2, 2),
    integers(4, 2, 2, high=3),
)
case(
    "linear_cross_entropy",
    lambda f, x, w, t: f.linear_cross_entropy(
        x[0], w, t[0], reduction="none", options=_parts(f, chunking_method="aspect_ratio")
    ),
    ROWS,
    W,
    LABELS,
)


def _lib(f: Any) -> Any:
    return rl if f is F else torch


def _long(f: Any, values: Any) -> Any:
    return _lib(f).tensor(values)


def _parts(f: Any, **options: Any) -> Any:
    return _lib(f).nn.LinearCrossEntropyOptions(**options)


@pytest.mark.parametrize(
    ("name", "call"),
    [pytest.param(n, c, id=f"{n}-{i}") for n, calls in CASES.items() for i, c in enumerate(calls)],
)
def test_equals_torch(name: str, call: tuple[Any, ...]) -> None:
    both(*call)


def test_every_loss_function_has_a_case() -> None:
    public = {*likelihood_loss.__all__, *linear_loss.__all__, *margin_loss.__all__}
    assert sorted(public ^ set(CASES)) == []
    assert public <= set(F.__all__)


# ---- ties, zeros, infinities


def _edge(f: Any, *arrays: Any) -> None:
    both(lambda t, *xs: f(t.nn.functional, *xs), *arrays)


ONE = np.array([1.0, 0.0, 0.0])


def test_ties_have_torchs_gradient() -> None:
    x = np.ones((2, 3))
    _edge(lambda f, a, b: f.margin_ranking_loss(a, b, a.detach()), x, x)
    _edge(lambda f, a: f.hinge_embedding_loss(a, -a.detach(), 1.0), x)
    _edge(lambda f, a, b, c: f.triplet_margin_loss(a, b, c, eps=0.0), x, x, x + ONE)
    _edge(lambda f, a, b: f.cosine_embedding_loss(a, b, b[:, 0].detach() - 2, 0.0), x, x * 0 + 1)
    _edge(lambda f, a: f.multi_margin_loss(a, _long(f, [0, 1]), margin=0.0), x)
    _edge(lambda f, a: f.multilabel_margin_loss(a, _long(f, [[0, -1, 0]] * 2)), x + ONE)


def test_zero_vectors_have_torchs_gradient() -> None:
    a, b = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 2.0], [0.0, 0.0]])
    for sign in (1, -1):
        _edge(
            lambda f, a, b, s=sign: f.cosine_embedding_loss(
                a, b, _long(f, [s, s]), reduction="none"
            ),
            a,
            b,
        )
    _edge(lambda f, a, b, c: f.triplet_margin_loss(a, b, c, eps=0.0), a, a, b)


def test_infinities_and_nan_are_torchs() -> None:
    x = np.array([np.inf, -np.inf, np.nan, 1.0])
    t = np.array([1.0, -1.0, 1.0, -1.0])
    _edge(lambda f, x, t: f.hinge_embedding_loss(x, t.detach(), reduction="none"), x, t)
    _edge(lambda f, x, t: f.poisson_nll_loss(x, t.detach(), reduction="none"), x, t)
    _edge(lambda f, x, t: f.gaussian_nll_loss(t, t * 2, x * x, reduction="none"), x, t)
    for reduction in ("mean", "sum", "none"):  # no path spells the first target
        _edge(
            lambda f, x, r=reduction: f.ctc_loss(
                x, _long(f, [[1, 1], [2, 3], [1, 0]]), (2, 7, 7), (2, 2, 1), reduction=r
            ),
            PATHS,
        )


def test_soft_margin_does_not_overflow() -> None:
    x = rl.tensor([-1e4, 1e4, -800.0], requires_grad=True)
    y = F.soft_margin_loss(x, rl.ones(3), reduction="sum")
    y.backward()
    assert y.item() == pytest.approx(10800.0) and x.grad.tolist() == [-1.0, 0.0, -1.0]


def test_nan_scores_are_not_lost() -> None:
    """torch's margin losses leave terms of nan out."""
    x = rl.tensor([[float("nan"), 1.0, 2.0]])
    assert np.isnan(F.multi_margin_loss(x, rl.tensor([1])).item())
    assert np.isnan(F.multilabel_margin_loss(x, rl.tensor([[1, -1, -1]])).item())


def test_no_rows() -> None:
    x, t = rl.zeros(0, 3), rl.zeros(0).long()
    for name, target in (("multi_margin_loss", t), ("multilabel_margin_loss", x.long())):
        loss = getattr(F, name)
        assert np.isnan(loss(x, target).item())
        assert loss(x, target, reduction="sum").item() == 0.0
        assert loss(x, target, reduction="none").shape == (0,)


@pytest.mark.parametrize("name", ["ctc_loss", "multi_margin_loss", "multilabel_margin_loss"])
def test_labels_modified_before_backward_do_not_matter(name: str) -> None:
    def gradient(change: bool) -> Any:
        if name == "ctc_loss":
            labels, x = rl.tensor(SPELLED), rl.tensor(PATHS, requires_grad=True)
            y = F.ctc_loss(x, labels, (7, 7, 7), (3, 3, 2))
        else:
            labels = rl.tensor(LABELS if name == "multi_margin_loss" else SETS)
            x = rl.tensor(A, requires_grad=True)
            y = getattr(F, name)(x, labels)
        if change:
            labels.fill_(0)
        y.backward()
        return x.grad.numpy()

    assert (gradient(True) == gradient(False)).all()


# ---- what is refused


BAD: list[tuple[Any, ...]] = [
    (lambda f, x: f.kl_div(x.long(), x), r"kl_div: got input int64", A),
    (lambda f, x: f.kl_div(x, x, reduction="avg"), "'avg'", A),
    (lambda f, x: f.poisson_nll_loss(x, x, reduction="avg"), "'avg'", A),
    (lambda f, x: f.gaussian_nll_loss(x, x, x.abs(), reduction="avg"), "'avg'", A),
    (lambda f, x: f.gaussian_nll_loss(x, x, 1), "var of type int", A),
    (lambda f, x: f.gaussian_nll_loss(x, x, -1.0), "no negative variance", A),
    (lambda f, x: f.gaussian_nll_loss(x, x, -x.abs()), "no negative variance", A),
    (lambda f, x: f.gaussian_nll_loss(x, x, x[0].abs()), r"var \(3,\) for input \(4, 3\)", A),
    (lambda f, x: f.gaussian_nll_loss(x, x, x[:1, :1].abs()), r"var \(1, 1\)", A),
    (lambda f, x: f.cosine_embedding_loss(x, x, x), r"target \(4, 3\)", A),
    (lambda f, x: f.cosine_embedding_loss(x, x, x[0, 0]), r"target \(\)", A),
    (lambda f, x: f.cosine_embedding_loss(x[0], x, x[0]), r"inputs \(3,\), \(4, 3\)", A),
    (lambda f, x: f.margin_ranking_loss(x, x, x[0]), r"target \(3,\).*as many dims", A),
    (lambda f, x: f.margin_ranking_loss(x, x, x, reduction="avg"), "'avg'", A),
    (lambda f, x: f.triplet_margin_loss(x, x, x, 0.0), r"margin=0.0, expected margin > 0", A),
    (lambda f, x: f.triplet_margin_loss(x, x, x[0]), r"negative \(3,\)", A),
    (lambda f, x: f.triplet_margin_with_distance_loss(x, x, x, margin=-1.0), r"margin=-1.0", A),
    (lambda f, x: f.triplet_margin_with_distance_loss(x, x[0], x), r"positive \(3,\)", A),
    (lambda f, x: f.multilabel_soft_margin_loss(x.sum(), x), r"input \(\)", A),
    (lambda f, x: f.multilabel_soft_margin_loss(x, x, reduction="avg"), "'avg'", A),
    (lambda f, x, t: f.multi_margin_loss(x, t, 3), "p=3, expected 1 or 2", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x, t, weight=x), r"weight \(4, 3\)", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x, t, weight=x[0, :2]), r"weight \(2,\)", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x, t[:2]), r"target \(2,\), expected.*\(4,\)", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x[None], t), r"input \(1, 4, 3\)", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x, t.int()), r"target int32.*\.long\(\)", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x, t + 2), r"class \d at place \d", A, LABELS),
    (lambda f, x, t: f.multi_margin_loss(x, t - 3), r"class -\d at place 0", A, LABELS),
    (lambda f, x, t: f.ctc_loss(x[None], t, (7,) * 3, (2,) * 3), r"\(1, 7, 3, 5\)", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t[None], (7,) * 3, (2,) * 3), r"\(1, 3, 3\)", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t, (7,) * 3, (4,) * 3), "target_lengths", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t[0], (7,) * 3, (2,) * 3), "3 targets for", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t, 7, 2), "input_lengths=7|target_lengths=2", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t, t[0], (2,) * 3), "two tensors or two", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t, x[0, 0], x[0, 0]), "float64, expected int", PATHS, SPELLED),
    (lambda f, x, t: f.ctc_loss(x, t, (7,) * 3, (2,) * 3, 0, "avg"), "'avg'", PATHS, SPELLED),
    (lambda f, x, w: f.linear_cross_entropy(x[None], w, x), r"input \(1, 4, 5\)", ROWS, W),
    (lambda f, x, w: f.linear_cross_entropy(x, w[0], x), r"linear_weight \(5,\)", ROWS, W),
    (lambda f, x, w: f.linear_cross_entropy(x[:, 1:], w, x), "check in_features", ROWS, W),
    (lambda f, x, w: f.linear_cross_entropy(x[0], w[None], x), r"expected a batch", ROWS, W),
    (
        lambda f, x, w: f.linear_cross_entropy(x, w, x, linear_bias=w[:, :1]),
        r"linear_bias \(3, 1\), expected \(3,\)",
        ROWS,
        W,
    ),
    (
        lambda f, x, w: f.linear_cross_entropy(x, w, x[:, :3], ignore_index=0),
        "ignore_index=0 with probabilities",
        ROWS,
        W,
    ),
    (
        lambda f, x, w, t: f.linear_cross_entropy(
            x, w, t, options=_parts(f, batch_chunk_size=3, chunking_method="aspect_ratio")
        ),
        "batch_chunk_size=3 and chunking_method='aspect_ratio', which gives 4",
        ROWS,
        W,
        LABELS,
    ),
    (
        lambda f, x, w, t: f.linear_cross_entropy(
            x, w, t, options=_parts(f, acc_dtype=_lib(f).float32)
        ),
        "acc_dtype float32 for input float64",
        ROWS,
        W,
        LABELS,
    ),
    (lambda f: _parts(f, acc_policy="fast"), "acc_policy='fast'"),
    (lambda f: _parts(f, batch_chunk_size=0), "batch_chunk_size=0"),
    (lambda f: _parts(f, chunking_method="aspect_ratio:0"), "chunking_method='aspect_ratio:0'"),
    (lambda f: _parts(f, chunking_method="halves"), "chunking_method='halves'"),
    (lambda f: _parts(f, acc_dtype=_lib(f).int64), "acc_dtype="),
]


@pytest.mark.parametrize("i", range(len(BAD)))
@pytest.mark.filterwarnings("ignore:reduction. 'mean':UserWarning")
@pytest.mark.filterwarnings("ignore:kl_div:UserWarning")
def test_errors(i: int) -> None:
    f, match, *arrays = BAD[i]
    both_raise(lambda t, *xs: f(t.nn.functional, *xs), match, *arrays)


def test_constants_have_no_gradient() -> None:
    x, w = rl.ones(2, 3), rl.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"multi_margin_loss is not differentiable.*weight"):
        F.multi_margin_loss(x, rl.tensor([0, 1]), weight=w)
    options = rl.nn.LinearCrossEntropyOptions()
    with pytest.raises(RuntimeError, match=r"linear_cross_entropy is not differentiable.*weight"):
        F.linear_cross_entropy(x, rl.ones(3, 3), rl.tensor([0, 1]), weight=w, options=options)


def test_the_mean_of_kl_div_warns() -> None:
    with pytest.warns(UserWarning, match="'batchmean' gives the divergence") as record:
        ours = F.kl_div(rl.tensor(LOGS), rl.tensor(CHANCES))
    assert record[0].filename == __file__
    with pytest.warns(UserWarning):
        theirs = torch.nn.functional.kl_div(torch.tensor(LOGS), torch.tensor(CHANCES))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)


# ---- the cross-entropy that holds its linear layer, in parts


def test_parts_that_cannot_be_warn() -> None:
    x, w, t = rl.tensor(ROWS), rl.tensor(W), rl.tensor(LABELS)
    options = rl.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    whole = F.linear_cross_entropy(x, w, t, label_smoothing=0.1)
    with pytest.warns(UserWarning, match="options are ignored"):
        warned = F.linear_cross_entropy(x, w, t, label_smoothing=0.1, options=options)
    assert warned.item() == whole.item()


def test_parts_run_backward_again_and_twice() -> None:
    x, w = (rl.tensor(a, requires_grad=True) for a in (ROWS, W))
    t = rl.tensor(LABELS)
    results = []
    for options in (None, rl.nn.LinearCrossEntropyOptions(batch_chunk_size=3)):
        y = F.linear_cross_entropy(x, w, t, options=options)
        first = rl.autograd.grad(y, [x, w], retain_graph=True)
        again = rl.autograd.grad(y, [x, w], create_graph=True)
        second = rl.autograd.grad(again[0].sin().sum(), [x, w])
        results.append([g.detach().numpy() for g in (*first, *again, *second)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)


def test_parts_never_hold_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.ops import class_losses

    seen = []
    real = class_losses._cross
    monkeypatch.setattr(
        class_losses, "_cross", lambda scores, near: seen.append(len(scores)) or real(scores, near)
    )
    x = rl.tensor(normal(10, 5), requires_grad=True)
    options = rl.nn.LinearCrossEntropyOptions(batch_chunk_size=4)
    F.linear_cross_entropy(x, rl.tensor(W), rl.tensor([0] * 10), options=options).backward()
    assert seen == [4, 4, 2] * 2


@pytest.mark.parametrize("policy", ["auto", "accurate", "balanced", "compact"])
def test_half_scores_are_summed_as_asked(policy: str) -> None:
    for dtype in (None, rl.float32):
        options = rl.nn.LinearCrossEntropyOptions(acc_policy=policy, acc_dtype=dtype)
        x = rl.tensor(ROWS, requires_grad=True)
        y = F.linear_cross_entropy(
            x.half(), rl.tensor(W).half(), rl.tensor(LABELS), options=options
        )
        y.backward()
        right = F.linear_cross_entropy(rl.tensor(ROWS), rl.tensor(W), rl.tensor(LABELS)).item()
        assert y.dtype == rl.float16 and abs(y.item() - right) < 5e-3
        assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("method", ["auto", "aspect_ratio", "aspect_ratio:3", None])
def test_parts_are_as_large_as_torchs(rows: int, method: str | None) -> None:
    from rushlight.functional.linear_loss import _rows_at_once

    for features, classes in ((4, 100), (30, 7), (5, 5)):
        ours = rl.nn.LinearCrossEntropyOptions(chunking_method=method)
        theirs = torch.nn.LinearCrossEntropyOptions(chunking_method=method)
        for dtype in (torch.float16, torch.float32):
            right = theirs._adjust(rows, features, classes, dtype, torch.device("cpu"))
            x = np.zeros((rows, features), str(dtype).removeprefix("torch."))
            assert _rows_at_once(ours, x, classes) == right.batch_chunk_size


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("loss", ["nll_loss", "cross_entropy", "smoothed", "linear_cross_entropy"])
def test_rows_that_are_ignored_get_no_gradient_whatever_comes(
    loss: str, reduction: str, graph: bool
) -> None:
    found: list[Any] = []
    weight = np.array([np.inf, 2.0, 0.5])  # of class 0, of which there is no row that counts
    for lib, functions in ((rl, F), (torch, torch.nn.functional)):
        library: Any = lib
        target = library.tensor([2, -100, 1, 2])
        x = library.tensor(normal(4, 3), requires_grad=True)
        g = np.array([1.5, np.nan, -2.0, 1.0]) if reduction == "none" else np.float64(np.nan)
        options: dict[str, Any] = {"weight": library.tensor(weight), "reduction": reduction}
        if loss == "smoothed":
            options |= {"label_smoothing": 0.1, "weight": None}
        if loss == "linear_cross_entropy" and library is rl:
            y = F.linear_cross_entropy(x, library.tensor(np.eye(3)), target, **options)
        else:
            name = "nll_loss" if loss == "nll_loss" else "cross_entropy"
            y = getattr(functions, name)(x, target, **options)
        (dx,) = library.autograd.grad(y, x, library.tensor(g), create_graph=graph)
        found.append(dx.detach().numpy())
    assert (found[0][1] == 0.0).all()
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("loss", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize("first", [0.0, np.nan])
@pytest.mark.parametrize("targets", [[0, -100, 0], [0, 1, -100], [-100, -100, -100]])
def test_a_total_weight_that_is_no_divisor_shows_in_the_rows_that_count(
    targets: list[int], first: float, loss: str, graph: bool
) -> None:
    found: list[Any] = []
    for library, functions in ((rl, F), (torch, torch.nn.functional)):
        lib: Any = library
        x = lib.tensor(normal(3, 2), requires_grad=True)
        weight = lib.tensor(np.array([first, 0.5]))
        y = getattr(functions, loss)(x, lib.tensor(targets), weight=weight)
        (dx,) = lib.autograd.grad(y, x, create_graph=graph)
        found.append(dx.detach().numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
