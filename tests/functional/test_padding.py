"""`pad` equals torch's, in values, gradients, restrictions and memory order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rushlight as rl
import rushlight.nn.functional as F
from rushlight.arrays import channels_last_empty, is_channels_last

MODES = ["constant", "reflect", "replicate", "circular"]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_equals_torch_where_torch_takes_it(data: Any) -> None:
    torch = pytest.importorskip("torch")
    mode = data.draw(st.sampled_from(MODES))
    ndim = data.draw(st.integers(1, 5))
    shape = tuple(data.draw(st.lists(st.integers(0, 4), min_size=ndim, max_size=ndim)))
    pairs = data.draw(st.integers(max(1, ndim - 2), min(3, ndim)))
    widths = data.draw(st.lists(st.integers(-3, 4), min_size=2 * pairs, max_size=2 * pairs))
    for i in range(pairs if mode == "circular" else 0):
        # torch then hands out cells that it has not written
        before, behind = widths[2 * i : 2 * i + 2]
        left = shape[-1 - i] + min(before, 0) + min(behind, 0)
        assume(min(before, behind) >= 0 or max(before, behind) <= left)
    array = np.random.default_rng(len(widths)).standard_normal(shape)
    x, other = rl.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    value = 1.5 if mode == "constant" else None
    try:
        right = torch.nn.functional.pad(other, widths, mode, value)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            F.pad(x, widths, mode, value)
        return
    assume(min(right.shape) >= 0)  # with an empty batch torch makes negative sizes
    y = F.pad(x, widths, mode, value)
    np.testing.assert_array_equal(y.detach().numpy(), right.detach().numpy())
    g = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(rl.tensor(g))
    right.backward(torch.tensor(g))
    np.testing.assert_allclose(x.grad.numpy(), other.grad.numpy(), 1e-12, 1e-12)


@pytest.mark.parametrize(
    ("shape", "widths", "mode", "value", "error", "match"),
    [
        ((2, 3), (1,), "constant", None, RuntimeError, "got 1 widths"),
        ((2, 3), (1,) * 6, "constant", None, RuntimeError, "got 6 widths"),
        ((2, 3), (-2, -2), "constant", None, RuntimeError, "no more cut off than there is"),
        ((2, 3), (4, -4), "constant", None, RuntimeError, r"got widths \(4, -4\) in dim 1"),
        ((2, 3), (1.0, 1), "constant", None, TypeError, r"widths \(1.0, 1\), expected ints"),
        ((2, 0, 3), (1, 1), "reflect", None, RuntimeError, "no size 0 but that of the batch"),
        ((2, 2), (2, -1), "circular", None, RuntimeError, "expected widths up to 1"),
        ((2, 3), (1, 1), "mirror", None, NotImplementedError, "got mode='mirror'"),
        ((2, 3), (1, 1), "reflect", 1.0, RuntimeError, "takes no value"),
        ((3,), (1, 1), "reflect", None, NotImplementedError, "for 1 dims in mode 'reflect'"),
        ((2, 2, 3, 3), (1, 1), "circular", None, NotImplementedError, "2 widths for 4 dims"),
        ((2, 3), (3, 0), "reflect", None, RuntimeError, "expected widths up to 2"),
        ((2, 3), (0, 4), "circular", None, RuntimeError, "expected widths up to 3"),
        ((2, 3), (-1, -2), "replicate", None, RuntimeError, r"padded \(2, 0\).*and a cell left"),
    ],
)
def test_errors(shape: Any, widths: Any, mode: str, value: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        F.pad(rl.ones(*shape), widths, mode, value)


@pytest.mark.parametrize("mode", MODES)
def test_images_stay_channels_last(mode: str) -> None:
    array = channels_last_empty((2, 3, 4, 5), np.ones(1, np.float32))
    array[:] = np.arange(120.0).reshape(2, 3, 4, 5)
    y = F.pad(rl.from_numpy(array), (1, 2, 2, 1), mode)
    assert is_channels_last(y._array)
    plain = F.pad(rl.tensor(np.ascontiguousarray(array)), (1, 2, 2, 1), mode)
    assert rl.equal(y, plain)


def test_integers_and_no_widths() -> None:
    assert F.pad(rl.tensor([1, 2]), (1, 1), value=7).tolist() == [7, 1, 2, 7]
    assert F.pad(rl.ones(2, 3), ()).shape == (2, 3)
