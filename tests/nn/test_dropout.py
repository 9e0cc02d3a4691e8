"""Dropout layers and functions: the distribution, the modes, the layout, the gradient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.arrays import channels_last_empty, is_channels_last


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_elements_are_dropped_at_p_and_the_mean_is_kept(p: float) -> None:
    rl.manual_seed(0)
    n = 200_000
    y = nn.Dropout(p)(rl.ones(n)).numpy()
    dropped = (y == 0).mean()
    assert abs(dropped - p) < 5 * (p * (1 - p) / n) ** 0.5
    assert np.allclose(y[y != 0], 1 / (1 - p))


def test_every_call_draws_another_mask_and_a_seed_repeats_them() -> None:
    layer, x = nn.Dropout(), rl.ones(64)
    rl.manual_seed(3)
    a, b = layer(x), layer(x)
    rl.manual_seed(3)
    c = layer(x)
    assert not rl.equal(a, b) and rl.equal(a, c)


def test_p_zero_one_and_evaluation() -> None:
    x = rl.randn(5, 5)
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(0.7).eval()(x) is x
    assert F.dropout(x, 0.7, training=False) is x
    y = nn.Dropout(1.0)(x)
    assert not y.numpy().any() and y.shape == x.shape


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize(
    "kind",
    ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"],
)
def test_p_outside_zero_and_one_is_an_error(kind: str, p: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= p <= 1"):
        getattr(nn, kind)(p)
    name = kind.lower().replace("alphadropout", "alpha_dropout").replace("featurea", "feature_a")
    with pytest.raises(ValueError, match="expected 0 <= p <= 1"):
        getattr(F, name)(rl.ones(1, 1, 1, 1), p)


def test_integers_are_an_error() -> None:
    with pytest.raises(TypeError, match="floating"):
        F.dropout(rl.ones(3, dtype=rl.int64))


@given(st.permutations(range(4)), st.sampled_from(["float32", "float64"]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_gradient_is_masked_alike_and_the_layout_is_kept(
    order: list[int], dtype: str, seed: int
) -> None:
    rl.manual_seed(seed)
    array = np.random.default_rng(seed).uniform(1, 2, (2, 3, 4, 5)).astype(dtype)
    x = rl.from_numpy(array.transpose(order)).requires_grad_()
    y = nn.Dropout(0.5)(x)
    y.backward(rl.ones(y.shape, dtype=dtype))
    assert y.stride() == x.stride() and y.dtype == x.dtype
    assert (x.grad.numpy() == np.where(y.detach().numpy() == 0, 0.0, 2.0)).all()


@pytest.mark.parametrize("kind", ["Dropout", "Dropout2d"])
def test_images_stay_channels_last(kind: str) -> None:
    array = channels_last_empty((2, 8, 6, 6), np.ones(1, np.float32))
    array[:] = 1.0
    x = rl.from_numpy(array).requires_grad_()
    layer = getattr(nn, kind)(0.5)
    y = layer(x)
    assert is_channels_last(y._array) and y.stride() == x.stride()
    (g,) = rl.autograd.grad(y.sum(), x)
    assert is_channels_last(y._array) and g.shape == x.shape
    rl.manual_seed(5)
    a = layer(x)
    rl.manual_seed(5)
    assert rl.equal(a, layer(x))


@pytest.mark.parametrize(
    ("kind", "shape", "lead"),
    [
        ("Dropout1d", (4, 5, 6), 2),
        ("Dropout1d", (5, 6), 1),
        ("Dropout2d", (4, 5, 3, 3), 2),
        ("Dropout3d", (4, 5, 2, 2, 2), 2),
        ("Dropout3d", (5, 2, 2, 2), 1),
    ],
)
def test_whole_channels_are_dropped(kind: str, shape: tuple[int, ...], lead: int) -> None:
    rl.manual_seed(0)
    layer = getattr(nn, kind)(0.5)
    seen = set()
    for _ in range(20):
        y = layer(rl.ones(*shape)).numpy().reshape(*shape[:lead], -1)
        assert (y == y[..., :1]).all()
        seen.update(y.ravel().tolist())
    assert seen == {0.0, 2.0}


def test_dropout2d_takes_three_dims_for_n_c_l_as_torch_does() -> None:
    with pytest.warns(UserWarning, match=r"taken for \(N, C, L\)"):
        y = nn.Dropout2d(0.5)(rl.ones(6, 7, 50)).numpy()
    assert (y == y[..., :1]).all()
    with pytest.raises(ValueError, match=r"\(N, C, L\) or \(C, L\)"):
        nn.Dropout1d()(rl.ones(2, 2, 2, 2))
    with (
        pytest.warns(UserWarning, match="use dropout"),
        pytest.raises(ValueError, match=r"expected \(N, C, \*\)"),
    ):
        nn.Dropout2d()(rl.ones(2))


def test_inplace_computes_out_of_place() -> None:
    x = rl.ones(50)
    y = nn.Dropout(0.5, inplace=True)(x)
    assert (x == 1).all() and not rl.equal(x, y)


def test_nan_and_inf_behave_as_in_torch() -> None:
    x = rl.tensor([float("nan"), 1.0])
    assert np.isnan(F.dropout(x, 1.0).numpy()).tolist() == [True, False]


def test_second_order() -> None:
    rl.manual_seed(0)
    x = rl.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = F.dropout(x * x * x, 0.5)
    keep = (y.numpy(force=True) != 0) * 2.0
    (g,) = rl.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = rl.autograd.grad(g.sum(), x)
    assert np.allclose(h.numpy(), 6 * x.detach().numpy() * keep)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_alpha_dropout_keeps_mean_and_variance_and_has_torchs_two_values(p: float) -> None:
    torch = pytest.importorskip("torch")
    rl.manual_seed(0)
    torch.manual_seed(0)
    n = 200_000
    y = nn.AlphaDropout(p)(rl.randn(n)).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.03
    ours = F.alpha_dropout(rl.full((n,), 0.7, dtype=rl.float64), p, True).numpy()
    theirs = torch.nn.functional.alpha_dropout(
        torch.full((1000,), 0.7, dtype=torch.float64), p, True
    )
    assert np.allclose(np.unique(ours), np.unique(theirs.numpy()), rtol=1e-12)
    dropped = (ours == ours.min()).mean()
    assert abs(dropped - p) < 5 * (p * (1 - p) / n) ** 0.5


def test_alpha_dropout_in_evaluation_at_0_and_1_and_of_integers() -> None:
    x = rl.tensor([1.0, float("inf")])
    assert nn.AlphaDropout().eval()(x) is x and nn.AlphaDropout(0.0)(x) is x
    assert F.alpha_dropout(x, 0.5) is x
    assert np.isnan(nn.AlphaDropout(1.0)(x).numpy()).tolist() == [False, True]
    assert nn.AlphaDropout(1.0)(x)[0] == 0
    with pytest.raises(TypeError, match="floating"):
        F.alpha_dropout(rl.ones(3, dtype=rl.int64), training=True)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6), (2, 5, 3, 3)])
def test_feature_alpha_dropout_drops_whole_channels(shape: tuple[int, ...]) -> None:
    rl.manual_seed(0)
    values = set()
    for _ in range(10):
        y = nn.FeatureAlphaDropout(0.5)(rl.ones(*shape)).numpy().reshape(*shape[:2], -1)
        assert (y == y[..., :1]).all()
        values.update(y.ravel().tolist())
    assert len(values) == 2
    with pytest.raises(ValueError, match=r"expected \(N, C, \*\)"):
        nn.FeatureAlphaDropout()(rl.ones(3))


def test_the_gradient_of_alpha_dropout_is_its_scale() -> None:
    rl.manual_seed(0)
    x = rl.tensor(np.linspace(0.5, 2.0, 50), requires_grad=True)
    y = F.alpha_dropout(x * x, 0.4, True)
    (g,) = rl.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = rl.autograd.grad(g.sum(), x)
    scale = ((1.7580993408473766**2 * 0.4 + 1) * 0.6) ** -0.5
    assert set(np.round(h.numpy(), 12)) == {0.0, round(2 * scale, 12)}


def test_alpha_dropout_keeps_the_layout_and_dtype() -> None:
    array = channels_last_empty((2, 8, 6, 6), np.ones(1, np.float32))
    array[:] = 1.0
    for layer in (nn.AlphaDropout(), nn.FeatureAlphaDropout()):
        y = layer(rl.from_numpy(array))
        assert is_channels_last(y._array) and y.dtype == rl.float32
