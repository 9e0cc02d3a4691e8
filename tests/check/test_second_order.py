"""What the page docs/second-order.md says, and the second order where gradgradcheck is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops import second_order

import rushlight as rl
from rushlight.check import gradgradcheck
from rushlight.tape import apply, wrap


def _exempt() -> list[second_order.Exempt]:
    with np.errstate(all="ignore"):
        return second_order.exempt()


def test_every_exception_has_a_reason_and_the_page_names_it() -> None:
    found = _exempt()
    assert not [e.name for e in found if e.reason is None], "say why in tests/ops/second_order.py"
    current = second_order.PAGE.read_text(encoding="utf-8")
    assert current == second_order.page(found), "run python -m tests.ops.second_order"


def test_an_op_has_one_reason() -> None:
    names = [name for names in second_order.REASONS.values() for name in names]
    assert len(set(names)) == len(names)


def _kinked() -> list[Any]:
    from tests.ops.test_contract import OPS, SAMPLES, differentiable

    with np.errstate(all="ignore"):
        return [
            (name, i, sample)
            for name, op in OPS.items()
            if op.smooth
            for i, sample in enumerate(SAMPLES.get(name, ()))
            if not sample.smooth and differentiable(op, sample)
        ]


def test_gradients_are_linear_in_the_cotangent() -> None:
    """<v, g(u)> = <u, d/du <v, g(u)>>, and nothing of the second order is missing or infinite."""
    from tests.ops.test_contract import OPS, leaves, sample_of

    count = 0
    for name, i, sample in _kinked():
        with sample_of(name, i):
            xs = leaves(sample.args)
            ys = apply(OPS[name], tuple(xs), sample.options)
            ys = [y for y in (ys if isinstance(ys, tuple) else (ys,)) if y.requires_grad]
            rng = np.random.default_rng(i)
            us = [wrap(rng.standard_normal(y.shape)).requires_grad_() for y in ys]
            by = [x for x in xs if isinstance(x, rl.Tensor) and x.requires_grad]
            gs = rl.autograd.grad(ys, by, us, create_graph=True, allow_unused=True)
            pairs = [(g, wrap(rng.standard_normal(g.shape))) for g in gs if g is not None]
            total = sum(((g * v).sum() for g, v in pairs), wrap(np.zeros(())))
            if not total.requires_grad:
                assert not any(g.any() for g, _ in pairs)  # of a step
                continue
            back = rl.autograd.grad(total, [*us, *by], allow_unused=True)
            linear = sum((u * w).sum() for u, w in zip(us, back[: len(us)], strict=True))
            assert linear.item() == pytest.approx(total.item(), 1e-9, 1e-11)
            assert all(g.isfinite().all() for g in back if g is not None)
            count += 1
    assert count > 50


# through any matrix, and only what does not depend on the sign of a vector
MATRICES: dict[str, Any] = {
    "cholesky": lambda x: rl.linalg.cholesky(x @ x.mT + 2 * rl.eye(3).double()),
    "eigh": lambda x: (lambda values, vectors: (values, vectors**2))(*rl.linalg.eigh(x + x.mT)),
    "qr": lambda x: rl.linalg.qr(x),
    "svd": lambda x: (lambda u, s, vh: (s, u**2, vh**2, u @ vh))(*rl.linalg.svd(x)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_matrices_of_a_kind_are_differentiated_twice_through_free_ones(name: str) -> None:
    x = rl.tensor(np.random.default_rng(2).standard_normal((3, 3))).requires_grad_()
    assert set(second_order.REASONS[second_order.MATRICES]) == set(MATRICES)
    assert gradgradcheck(MATRICES[name], [x])
