"""Fractional pooling, unpooling and power-average pooling: what samples cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import nn
from rushlight.errors import ShapeError

pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise

F = nn.functional
X = normal(2, 3, 6, 7)


# ---- fractional


def test_windows_begin_at_random_places_of_the_seed() -> None:
    x = rl.tensor(normal(4, 8, 20, 20))
    layer = nn.FractionalMaxPool2d(2, output_ratio=0.6, return_indices=True).eval()
    rl.manual_seed(0)
    (y, one), (_, two) = layer(x), layer(x)
    rl.manual_seed(0)
    assert (layer(x)[1].numpy() == one.numpy()).all() and (one.numpy() != two.numpy()).any()
    assert y.shape == (4, 8, 12, 12)
    assert (np.take_along_axis(x.numpy().reshape(4, 8, -1), one.numpy().reshape(4, 8, -1), 2)
            == y.numpy().reshape(4, 8, -1)).all()  # fmt: skip
    assert list(layer.state_dict()) == []


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_places_are_rounded_as_torch_rounds_them(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x, samples = normal(3, 5, 97, 64).astype(dtype), uniform(3, 5, 2).astype(dtype)
    args = (x, 2, (61, 41))
    found = F.fractional_max_pool2d_with_indices(
        rl.tensor(x), *args[1:], _random_samples=rl.tensor(samples)
    )
    right = torch.nn.functional.fractional_max_pool2d_with_indices(
        torch.tensor(x), *args[1:], _random_samples=torch.tensor(samples)
    )
    for a, b in zip(found, right, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_special_values_and_ties_in_fractional_windows() -> None:
    x = integers(2, 3, 6, 7, high=3).astype("f8")
    x[0][x[0] == 1] = np.nan
    x[1, 0] = -np.inf
    s = uniform(2, 3, 2)
    both(
        lambda t, x, s: t.nn.functional.fractional_max_pool2d(
            x, 3, 4, return_indices=True, _random_samples=s.detach()
        ),
        x,
        s,
    )


# ---- power-average


@pytest.mark.parametrize("p", [1, 2, 3, 1.5, -1, float("inf")])
def test_zeros_and_negative_values_in_power_average(p: float) -> None:
    x = np.array([[[0.0, 0.0, -1.0, 2.0, -3.0, 1.0]]])
    both(lambda t, x: t.nn.functional.lp_pool1d(x, p, 2), x)


# ---- names


def test_names_with_indices() -> None:
    for n, shape in ((1, (2, 3, 8)), (2, (2, 3, 6, 7)), (3, (2, 3, 4, 5, 4))):
        for name, args in (("max_pool", (2,)), ("adaptive_max_pool", (2,))):
            full = f"{name}{n}d_with_indices"
            both(lambda t, x, f=full, a=args: getattr(t.nn.functional, f)(x, *a), normal(*shape))
    both(lambda t, x: t.max_pool1d_with_indices(x, 3, 2, 1), normal(2, 3, 8))
    for n, shape in ((2, (2, 3, 6, 7)), (3, (2, 3, 4, 5, 4))):
        for name in (f"fractional_max_pool{n}d", f"fractional_max_pool{n}d_with_indices"):
            both(
                lambda t, x, s, f=name: getattr(t.nn.functional, f)(
                    x, 2, output_ratio=(0.5,) * len(s[0, 0]), _random_samples=s.detach()
                ),
                normal(*shape),
                uniform(2, 3, n),
            )


# ---- refusals, where torch refuses


def _index(*shape: int) -> Any:
    return np.arange(np.prod(shape)).reshape(shape) % 4


REFUSED: dict[str, tuple[Any, ...]] = {
    "output_size=.* less than a stride": (
        lambda t, x, i: t.nn.functional.max_unpool2d(x, i, 2, output_size=(6, 4)),
        normal(1, 1, 2, 2),
        _index(1, 1, 2, 2),
    ),
    "expected 2 or 4 ints": (
        lambda t, x, i: t.nn.functional.max_unpool2d(x, i, 2, output_size=(4,)),
        normal(1, 1, 2, 2),
        _index(1, 1, 2, 2),
    ),
    "sizes >= 0": (
        lambda t, x, i: t.nn.functional.max_unpool2d(x, i, 2, 2, 5),
        normal(1, 1, 2, 2),
        _index(1, 1, 2, 2),
    ),
    r"indices 4 to 7, expected 0 to 3 for planes \(4,\)": (
        lambda t, x, i: t.nn.functional.max_unpool1d(x, i + 4, 2),
        normal(1, 2, 2),
        _index(1, 2, 2),
    ),
    "equal shapes": (
        lambda t, x, i: t.nn.functional.max_unpool2d(x, i[..., :1], 2),
        normal(1, 1, 2, 2),
        _index(1, 1, 2, 2),
    ),
    "indices int32": (
        lambda t, x, i: t.nn.functional.max_unpool2d(x, i.int(), 2),
        normal(1, 1, 2, 2),
        _index(1, 1, 2, 2),
    ),
    "max_unpool3d: got input": (
        lambda t, x, i: t.nn.functional.max_unpool3d(x, i, 2),
        normal(2, 2, 2),
        _index(2, 2, 2),
    ),
    "planes of at least output_size": (
        lambda t, x: t.nn.functional.fractional_max_pool2d(x, 2, (7, 5)),
        X,
    ),
    "at least output_size [+] kernel_size$": (
        lambda t, x: t.nn.functional.fractional_max_pool3d(x, 2, 3),
        normal(2, 4, 4, 4),
    ),
    "neither output_size nor": (lambda t, x: t.nn.functional.fractional_max_pool2d(x, 2), X),
    r"output_size=\(3,\)": (lambda t, x: t.nn.functional.fractional_max_pool2d(x, 2, (3,)), X),
    r"samples \(2, 3, 3\)": (
        lambda t, x, s: t.nn.functional.fractional_max_pool2d(x, 2, 3, _random_samples=s),
        X,
        uniform(2, 3, 3),
    ),
    r"_random_samples \(1, 3, 2\)": (
        lambda t, x, s: t.nn.functional.fractional_max_pool2d(x, 2, 3, _random_samples=s),
        X,
        uniform(1, 3, 2),
    ),
    "one dtype": (
        lambda t, x, s: t.nn.functional.fractional_max_pool2d(x, 2, 3, _random_samples=s.float()),
        X,
        uniform(2, 3, 2),
    ),
    "got int64": (
        lambda t, x: t.nn.functional.fractional_max_pool2d(x, 2, 3),
        integers(2, 3, 6, 7, high=9),
    ),
    "norm_type=0": (lambda t, x: t.nn.functional.lp_pool1d(x, 0, 2), normal(2, 3, 4)),
    "lp_pool2d: got planes": (lambda t, x: t.nn.functional.lp_pool2d(x, 2, 9), X),
    r"lp_pool2d: got kernel_size=\(2, 2, 2\)": (
        lambda t, x: t.nn.functional.lp_pool2d(x, 2, (2, 2, 2)),
        X,
    ),
    "expected one of them": (lambda t: t.nn.FractionalMaxPool2d(2),),
    "and output_ratio=0.5": (lambda t: t.nn.FractionalMaxPool3d(2, 2, 0.5),),
    "ratios between 0 and 1": (lambda t: t.nn.FractionalMaxPool2d(2, output_ratio=(0.5, 1)),),
    "kernel sizes > 0": (lambda t: t.nn.FractionalMaxPool3d((1, 0, 2), 2),),
}


@pytest.mark.parametrize("match", REFUSED)
def test_refusals(match: str) -> None:
    f, *arrays = REFUSED[match]
    both_raise(f, match, *arrays)


def test_indices_changed_before_backward_are_noticed() -> None:
    x = rl.randn(1, 1, 2, 2, requires_grad=True)
    indices = rl.tensor(_index(1, 1, 2, 2))
    y = F.max_unpool2d(x, indices, 2)
    indices.zero_()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_shape_errors_are_of_both_kinds() -> None:
    with pytest.raises(ShapeError):
        F.lp_pool2d(rl.zeros(2, 3), 2, 2)
