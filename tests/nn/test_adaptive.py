"""Losses that hold a layer, and what modules of losses refuse when they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")


def _twins(*args: Any, **options: Any) -> tuple[Any, Any]:
    """The adaptive softmax of both libraries with the same parameters."""
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(*args, **options).double()
    ours = nn.AdaptiveLogSoftmaxWithLoss(*args, **options).double()
    ours.load_state_dict({k: rl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])  # among which predict takes all its ways
@pytest.mark.parametrize(("cutoffs", "bias"), [([3], False), ([2, 5, 9], True)])
def test_log_prob_and_predict_are_torchs(scale: float, cutoffs: list[int], bias: bool) -> None:
    ours, theirs = _twins(8, 12, cutoffs, 1.5, bias)
    for rows in (0, 1, 40):
        x = normal(rows, 8) * scale
        a, b = ours.log_prob(rl.tensor(x)), theirs.log_prob(torch.tensor(x))
        assert a.shape == tuple(b.shape) == (rows, 12)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-10, 1e-12)
        np.testing.assert_allclose(a.exp().sum(1).detach().numpy(), np.ones(rows), rtol=1e-10)
        found = ours.predict(rl.tensor(x))
        assert found.dtype == rl.int64
        assert found.tolist() == theirs.predict(torch.tensor(x)).tolist()
        assert found.tolist() == a.argmax(1).tolist()


def test_output_is_the_log_prob_of_the_target() -> None:
    ours, _ = _twins(8, 12, [2, 5, 9], 1.5)
    x, t = rl.tensor(normal(12, 8)), rl.arange(12)
    output, loss = ours(x, t)
    picked = ours.log_prob(x)[t, t].detach().numpy()
    np.testing.assert_allclose(output.detach().numpy(), picked, rtol=1e-12)
    assert loss.item() == pytest.approx(-picked.mean())
    again = ours(x, t)
    assert again.output.shape == (12,) and again.loss.shape == ()


def test_no_rows_of_the_adaptive_softmax() -> None:
    ours, theirs = _twins(8, 12, [3])
    output, loss = ours(rl.zeros(0, 8, dtype=rl.float64), rl.zeros(0).long())
    right = theirs(torch.zeros(0, 8, dtype=torch.float64), torch.zeros(0).long())
    assert (
        output.shape == tuple(right.output.shape)
        and np.isnan([loss.item(), right.loss.item()]).all()
    )


def test_parameters_are_drawn_again() -> None:
    ours, _ = _twins(8, 12, [3], head_bias=True)
    before = [p.detach().numpy().copy() for p in ours.parameters()]
    ours.reset_parameters()
    assert all(
        (p.detach().numpy() != q).any() for p, q in zip(ours.parameters(), before, strict=True)
    )


@pytest.mark.parametrize(
    "cutoffs", [[], [0, 3], [3, 3], [5, 2], [12], [3, 20], [2.5], [-1, 4]], ids=str
)
def test_cutoffs_are_checked(cutoffs: Any) -> None:
    with pytest.raises(ValueError):
        torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs)
    with pytest.raises(ValueError, match=r"AdaptiveLogSoftmaxWithLoss: got cutoffs=.*1 to 11"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs)


@pytest.mark.parametrize(
    ("x", "t", "match"),
    [
        ((4, 8), (3,), r"input \(4, 8\) and target \(3,\)"),
        ((8,), (1,), r"input \(8,\) and target \(1,\)"),
        ((1, 8), (), r"target \(\)"),
        ((4, 8), (4, 1), r"expected \(N, F\) and \(N\), or \(F\) and \(\)"),
    ],
)
def test_shapes_are_checked(x: Any, t: Any, match: str) -> None:
    ours, theirs = _twins(8, 12, [3])
    with pytest.raises(RuntimeError):
        theirs(torch.zeros(x).double(), torch.zeros(t).long())
    with pytest.raises(RuntimeError, match=match):
        ours(rl.zeros(x).double(), rl.zeros(t).long())


@pytest.mark.parametrize("label", [-1, 12])
def test_targets_are_checked(label: int) -> None:
    ours, theirs = _twins(8, 12, [3])
    with pytest.raises(RuntimeError):
        theirs(torch.zeros(2, 8).double(), torch.tensor([3, label]))
    with pytest.raises(RuntimeError, match=rf"classes from .*{label}.*0 to 11"):
        ours(rl.zeros(2, 8).double(), rl.tensor([3, label]))
    with pytest.raises(RuntimeError, match=r"target float32, expected integers"):
        ours(rl.zeros(2, 8).double(), rl.zeros(2))


# ---- what modules refuse when they are made

REFUSED: list[tuple[type[Exception], str, Any]] = [
    (TypeError, r"HuberLoss: got delta=\(1\+2j\)", lambda n, t: n.HuberLoss(delta=1 + 2j)),
    (ValueError, r"MultiMarginLoss: got p=3, expected 1 or 2", lambda n, t: n.MultiMarginLoss(p=3)),
    (
        ValueError,
        r"MultiMarginLoss: got weight \(1, 3\)",
        lambda n, t: n.MultiMarginLoss(weight=t([[1.0, 1.0, 1.0]])),
    ),
    (
        ValueError,
        r"TripletMarginLoss: got margin=0, expected margin > 0",
        lambda n, t: n.TripletMarginLoss(margin=0),
    ),
    (
        ValueError,
        r"TripletMarginWithDistanceLoss: got margin=-1.0",
        lambda n, t: n.TripletMarginWithDistanceLoss(margin=-1.0),
    ),
    (
        RuntimeError,
        r"LinearCrossEntropyLoss: got weight \(3,\), expected \(2,\)",
        lambda n, t: n.LinearCrossEntropyLoss(4, 2, weight=t([1.0, 1.0, 1.0])),
    ),
    (
        RuntimeError,
        r"LinearCrossEntropyLoss: got label_smoothing=1.5",
        lambda n, t: n.LinearCrossEntropyLoss(4, 2, label_smoothing=1.5),
    ),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_constructors_refuse_what_torchs_do(i: int) -> None:
    error, match, make = REFUSED[i]
    with pytest.raises(error):
        make(torch.nn, torch.tensor)
    with pytest.raises(error, match=match):
        make(nn, rl.tensor)


def test_the_old_name_warns() -> None:
    with pytest.warns(FutureWarning, match="NLLLoss2d is deprecated: use NLLLoss") as record:
        loss = nn.NLLLoss2d(ignore_index=1, reduction="sum")
    assert record[0].filename == __file__
    assert (loss.ignore_index, loss.reduction) == (1, "sum")


def test_a_distance_that_is_a_module_is_a_part() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(rl.tensor(2.0))

        def forward(self, a: Any, b: Any) -> Any:
            return (self.scale * (a - b)).norm(dim=-1)

    loss = nn.TripletMarginWithDistanceLoss(distance_function=Scaled())
    assert list(loss.state_dict()) == ["distance_function.scale"]
    loss(rl.zeros(1, 2), rl.ones(1, 2), rl.zeros(1, 2)).backward()
    assert loss.distance_function.scale.grad.item() == pytest.approx(2**0.5)
