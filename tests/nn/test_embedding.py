"""Embedding layers: what torch's own samples do not show, and the messages of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.check import gradcheck, gradgradcheck

TABLE = rl.tensor(normal(5, 3))
NAMED = rl.tensor([0, 2, 2, 4, 2, 0])
STARTS = rl.tensor([0, 2, 5])


def test_the_padding_row_is_0_at_first_and_gets_no_gradient() -> None:
    for layer in (nn.Embedding(4, 2, padding_idx=-1), nn.EmbeddingBag(4, 2, padding_idx=3)):
        assert layer.padding_idx == 3 and not layer.weight[3].any()
        layer.reset_parameters()
        assert not layer.weight[3].any() and layer.weight[:3].all()
        layer(rl.tensor([[3, 1, 3]])).sum().backward()
        assert not layer.weight.grad[3].any() and layer.weight.grad[1].any()


def test_a_bag_is_the_sum_the_mean_or_the_maximum_of_the_rows() -> None:
    rows = TABLE[NAMED].numpy()
    for mode, f in (("sum", np.sum), ("mean", np.mean), ("max", np.max)):
        bags = F.embedding_bag(NAMED, TABLE, STARTS, mode=mode).numpy()
        for bag, part in zip(bags, (rows[:2], rows[2:5], rows[5:]), strict=True):
            assert np.allclose(bag, f(part, axis=0))


def test_what_stands_behind_the_last_offset_is_in_no_bag() -> None:
    weights = rl.tensor(normal(6), requires_grad=True)
    options: dict[str, Any] = {"mode": "sum", "include_last_offset": True}
    y = F.embedding_bag(NAMED, TABLE, STARTS, per_sample_weights=weights, **options)
    first = F.embedding_bag(NAMED[:5], TABLE, STARTS, per_sample_weights=weights[:5], **options)
    assert y.shape == (2, 3) and rl.equal(y, first)
    y.sum().backward()
    assert weights.grad[5] == 0 and weights.grad[:5].all()


def test_the_frequency_divides_the_gradient_of_each_row() -> None:
    """In bags, too; torch's on the CPU divides by the frequency of another row."""
    layer = nn.EmbeddingBag(5, 3, mode="sum", scale_grad_by_freq=True)
    single = nn.Embedding.from_pretrained(layer.weight.data, False, scale_grad_by_freq=True)
    layer(NAMED, STARTS).sum().backward()
    single(NAMED).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [1, 0, 1, 0, 1]
    assert rl.allclose(layer.weight.grad, single.weight.grad)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_rows_above_the_norm_are_scaled_down_in_the_table(p: float) -> None:
    table = rl.nn.Parameter(rl.tensor([[3.0, 4.0], [0.1, 0.1], [30.0, 40.0]]))
    y = F.embedding(rl.tensor([0, 1, 0]), table, max_norm=1.0, norm_type=p)
    norms = np.linalg.norm(table.detach().numpy(), p, axis=1)
    assert np.allclose(norms, [1.0, np.linalg.norm([0.1, 0.1], p), np.linalg.norm([30, 40], p)])
    assert rl.equal(y, table[rl.tensor([0, 1, 0])])


def test_scaling_down_counts_as_a_write() -> None:
    table = rl.nn.Parameter(rl.tensor([[3.0, 4.0], [0.1, 0.1]]))
    y = table * table
    F.embedding(rl.tensor([1]), table, max_norm=1.0)
    y.sum().backward(retain_graph=True)  # nothing was above: nothing was written
    F.embedding(rl.tensor([0]), table, max_norm=1.0)
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_from_pretrained_shares_memory_and_freezes() -> None:
    for cls in (nn.Embedding, nn.EmbeddingBag):
        layer = cls.from_pretrained(TABLE)
        assert np.shares_memory(layer.weight.data.numpy(), TABLE.numpy())
        assert not layer.weight.requires_grad
        assert cls.from_pretrained(TABLE, freeze=False, padding_idx=-5).padding_idx == 0
        with pytest.raises(AssertionError, match=r"expected \(num_embeddings, embedding_dim\)"):
            cls.from_pretrained(rl.ones(3))
        with pytest.raises(AssertionError, match=r"got _weight \(5, 3\), expected \(4, 3\)"):
            cls(4, 3, _weight=TABLE)


def test_nan_is_the_largest() -> None:
    table = rl.tensor([[1.0], [float("nan")], [2.0]])
    y = F.embedding_bag(rl.tensor([[0, 1, 2], [0, 2, 2]]), table, mode="max")
    assert np.isnan(y[0].item()) and y[1].item() == 2.0


def test_bags_of_no_rows_and_no_bags() -> None:
    none = rl.tensor([], dtype=rl.int64)
    for mode in ("sum", "mean", "max"):
        assert F.embedding_bag(none, TABLE, none, mode=mode).shape == (0, 3)
        assert not F.embedding_bag(none, TABLE, rl.tensor([0, 0]), mode=mode).any()
        assert F.embedding_bag(rl.zeros(0, 4, dtype=rl.int64), TABLE, mode=mode).shape == (0, 3)
        assert not F.embedding_bag(rl.zeros(2, 0, dtype=rl.int64), TABLE, mode=mode).any()
        only = F.embedding_bag(rl.tensor([[1, 1]]), TABLE, mode=mode, padding_idx=1)
        assert not only.any()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_both_orders_of_the_gradient(mode: str) -> None:
    table = rl.tensor(normal(5, 3), requires_grad=True)
    weights = rl.tensor(normal(6), requires_grad=True) if mode == "sum" else None

    def f(table: Any, *weights: Any) -> Any:
        factors = weights[0] if weights else None
        y = F.embedding_bag(
            NAMED, table, STARTS, mode=mode, per_sample_weights=factors, padding_idx=4
        )
        return y * y

    inputs = [table] if weights is None else [table, weights]
    assert gradcheck(f, inputs) and gradgradcheck(f, inputs)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_of_the_table_is_kept(dtype: str) -> None:
    table = TABLE.to(dtype).requires_grad_()
    for y in (F.embedding(NAMED, table), F.embedding_bag(NAMED, table, STARTS)):
        assert y.dtype == dtype
        (g,) = rl.autograd.grad(y.sum(), table)
        assert g.dtype == dtype and g.shape == (5, 3)


def test_a_table_that_is_not_contiguous() -> None:
    table = rl.tensor(normal(3, 5)).T.requires_grad_()
    copy = table.detach().clone().contiguous().requires_grad_()
    for f in (lambda t: F.embedding(NAMED, t), lambda t: F.embedding_bag(NAMED, t, STARTS)):
        a, b = f(table), f(copy)
        assert rl.equal(a, b)
        (ga,), (gb,) = rl.autograd.grad(a.sum(), table), rl.autograd.grad(b.sum(), copy)
        assert rl.equal(ga, gb)


FLOATS = rl.tensor([0.0, 1.0])
ERRORS = [
    (lambda: F.embedding(rl.tensor([5]), TABLE), IndexError, "got row 5, expected 0 to 4"),
    (lambda: F.embedding(rl.tensor([-1]), TABLE), IndexError, "got row -1"),
    (lambda: F.embedding(FLOATS, TABLE), RuntimeError, "got input float32, expected int64"),
    (lambda: F.embedding(TABLE, NAMED), RuntimeError, "input comes before the weight"),
    (lambda: F.embedding(NAMED, TABLE[0]), RuntimeError, r"got weight \(3,\)"),
    (lambda: F.embedding(NAMED, TABLE, padding_idx=5), AssertionError, "a row of 5"),
    (lambda: F.embedding(NAMED, TABLE.long(), max_norm=1), RuntimeError, "got weight int64 with"),
    (lambda: F.embedding(NAMED, TABLE, sparse=True), NotImplementedError, "sparse=True"),
    (lambda: nn.Embedding(3, 2, padding_idx=-4), AssertionError, "got padding_idx=-4"),
    (lambda: nn.Embedding(3, 2, sparse=True), NotImplementedError, "Embedding: sparse=True"),
    (lambda: nn.EmbeddingBag(3, 2, sparse=True), NotImplementedError, "EmbeddingBag: sparse=True"),
    (lambda: F.embedding_bag(rl.tensor([[9]]), TABLE), RuntimeError, "got row 9"),
    (lambda: F.embedding_bag(rl.tensor([[-9]]), TABLE, mode="max"), RuntimeError, "got row -9"),
    (lambda: F.embedding_bag(NAMED, TABLE), ValueError, "needs offsets"),
    (lambda: F.embedding_bag(rl.tensor([[1]]), TABLE, STARTS), ValueError, "takes no offsets"),
    (lambda: F.embedding_bag(rl.tensor([[[1]]]), TABLE), ValueError, r"got input \(1, 1, 1\)"),
    (lambda: F.embedding_bag(NAMED, TABLE, rl.tensor([1, 2])), RuntimeError, "0 at first"),
    (lambda: F.embedding_bag(NAMED, TABLE, rl.tensor([0, 9])), RuntimeError, "at most 6"),
    (lambda: F.embedding_bag(NAMED, TABLE, rl.tensor([0, 3, 2])), RuntimeError, "then rising"),
    (lambda: F.embedding_bag(NAMED, TABLE, FLOATS), RuntimeError, "one dim of ints"),
    (lambda: F.embedding_bag(NAMED, TABLE, STARTS, mode="min"), ValueError, "mode='min'"),
    (lambda: F.embedding_bag(NAMED, TABLE.long(), STARTS), RuntimeError, "weight int64"),
    (lambda: F.embedding_bag(NAMED, TABLE, STARTS, padding_idx=7), RuntimeError, "a row of 5"),
    (
        lambda: F.embedding_bag(NAMED, TABLE, STARTS, per_sample_weights=rl.ones(6)),
        NotImplementedError,
        "per_sample_weights with mode='mean'",
    ),
    (
        lambda: F.embedding_bag(NAMED, TABLE, STARTS, mode="sum", per_sample_weights=rl.ones(5)),
        ValueError,
        r"got per_sample_weights \(5,\), expected \(6,\)",
    ),
    (
        lambda: F.embedding_bag(NAMED, TABLE, STARTS, mode="sum", per_sample_weights=rl.ones(6)),
        RuntimeError,
        "got per_sample_weights float32, expected float64",
    ),
    (
        lambda: F.embedding_bag(NAMED, TABLE, STARTS, mode="max", scale_grad_by_freq=True),
        ValueError,
        "takes no scale_grad_by_freq",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_a_large_table_and_many_names() -> None:
    layer = nn.Embedding(3000, 8)
    index = integers(20_000, high=3000)
    layer(rl.tensor(index)).sum().backward()
    assert (layer.weight.grad[:, 0].numpy() == np.bincount(index, minlength=3000)).all()
