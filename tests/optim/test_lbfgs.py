"""L-BFGS and its line search."""

import copy

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import LBFGS


def leaf(values, dtype="float64"):
    return rl.tensor(np.array(values, dtype), requires_grad=True)


def bowl(p, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = ((p - 3) ** 2 * rl.tensor([1.0, 10.0], dtype=p.dtype)).sum()
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum(dtype, search):
    p = leaf([1.0, -2.0], dtype)
    optimizer = LBFGS([p], line_search_fn=search)
    with rl.no_grad():
        assert optimizer.step(bowl(p, optimizer)).item() == 254.0
    np.testing.assert_allclose(p.detach().numpy(), [3.0, 3.0], 1e-6)
    assert p.dtype == getattr(rl, dtype)


def test_lbfgs_copies_of_its_state_go_on_alike(tmp_path):
    p, q = leaf([1.0, -2.0]), leaf([0.0, 0.0])
    first, second = (LBFGS([x], lr=0.1, max_iter=3, history_size=2) for x in (p, q))
    for _ in range(2):
        first.step(bowl(p, first))
    rl.save(first.state_dict(), tmp_path / "state.safetensors")
    second.load_state_dict(rl.load(tmp_path / "state.safetensors"))
    third = copy.deepcopy(first)
    r = third.param_groups[0]["params"][0]
    q.data = p.data.clone()
    for _ in range(3):
        for x, optimizer in ((p, first), (q, second), (r, third)):
            optimizer.step(bowl(x, optimizer))
        assert p.tolist() == q.tolist() == r.tolist()


def test_lbfgs_stops_where_it_is_told_to():
    p = leaf([1.0, -2.0])
    for options, calls in (
        ({"max_iter": 1}, 1),
        ({"max_iter": 3}, 3),
        ({"max_iter": 9, "max_eval": 4}, 4),
        ({"max_iter": 0}, 1),
        ({"tolerance_grad": 1e9}, 1),
        ({"max_iter": 9, "tolerance_change": 1e9}, 1),
        ({"max_eval": 1, "line_search_fn": "strong_wolfe"}, 2),
    ):
        p.data = leaf([1.0, -2.0]).data
        optimizer = LBFGS([p], lr=1e-3, **options)
        optimizer.step(bowl(p, optimizer))
        assert optimizer.state[p]["func_evals"] == calls, options


def test_lbfgs_takes_a_missing_gradient_for_zeros():
    p, q = leaf([1.0, -2.0]), leaf([[5.0]])
    optimizer = LBFGS([q, p])
    optimizer.step(bowl(p, optimizer))
    assert q.tolist() == [[5.0]]
    np.testing.assert_allclose(p.detach().numpy(), [3.0, 3.0], 1e-6)


def test_a_line_search_as_in_torch():
    lbfgs = pytest.importorskip("torch.optim.lbfgs")
    import torch

    from rushlight.optim.wolfe import Point, strong_wolfe

    rng = np.random.default_rng(0)
    for _ in range(300):
        a, b, c = rng.standard_normal((3, 4))

        def value(t, a=a, b=b, c=c):
            loss = float((a * np.sin(b * t + c)).sum() + 0.02 * t * t)
            return loss, float((a * b * np.cos(b * t + c)).sum() + 0.04 * t)

        loss, slope = value(0.0)
        if slope > 0:
            continue
        calls = []

        def along(t, value=value, calls=calls):
            calls.append(t)
            f, g = value(t)
            return Point(t, f, np.array([g]), g)

        def objective(x, t, d, value=value):
            f, g = value(float(t))
            return f, torch.tensor([g], dtype=torch.float64)

        t, limit = float(10 ** rng.uniform(-2, 2)), int(rng.integers(0, 12))
        d, g = torch.ones(1, dtype=torch.float64), torch.tensor([slope], dtype=torch.float64)
        f, _, expected, evaluations = lbfgs._strong_wolfe(
            objective, None, t, d, loss, g, g.dot(d), max_ls=limit
        )
        start = Point(0.0, loss, np.array([slope]), slope)
        found = strong_wolfe(along, start, t, np.ones(1), limit, 1e-9)
        assert found.t == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
        assert (found.loss, len(calls)) == (pytest.approx(f, rel=1e-9), evaluations)


@pytest.mark.parametrize("options", [{"history_size": 0}, {"max_iter": -1}, {"max_iter": 2.5}])
def test_counts_that_are_none(options):
    with pytest.raises(ValueError, match=f"LBFGS: got {next(iter(options))}=.*expected an integer"):
        LBFGS([rl.ones(1, requires_grad=True)], **options)
