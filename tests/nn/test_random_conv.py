"""Convolution layers, transposed ones and padding layers of random options equal torch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import nn
from rushlight.arrays import channels_last_empty

LAYOUTS = ["plain", "channels last", "sliced", "reversed"]


def _laid(x: Any, layout: str) -> Any:
    if layout == "channels last" and x.ndim > 2:
        out = channels_last_empty(x.shape, x)
        out[...] = x
        return out
    if layout == "sliced":
        return np.repeat(np.repeat(x, 2, axis=-1), 2, axis=0)[::2, ..., ::2]
    return np.ascontiguousarray(x[..., ::-1])[..., ::-1] if layout == "reversed" else x


def _shape(draw: Any, n: int, channels: int, high: int = 6) -> tuple[int, ...]:
    batch = draw(st.sampled_from([(), (0,), (1,), (2,)]))
    return (*batch, channels, *draw(st.tuples(*[st.integers(1, high)] * n)))


@st.composite
def convolutions(draw: Any) -> tuple[str, dict[str, Any], tuple[int, ...], str]:
    n = draw(st.integers(1, 3))
    each = st.one_of(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * n))
    groups = draw(st.integers(1, 3))
    options: dict[str, Any] = {
        "in_channels": groups * draw(st.integers(1, 6)),
        "out_channels": groups * draw(st.integers(1, 6)),
        "kernel_size": draw(each),
        "stride": draw(each),
        "dilation": draw(each),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    shape = _shape(draw, n, options["in_channels"])
    cells = st.one_of(st.integers(0, 2), st.tuples(*[st.integers(0, 2)] * n))
    if draw(st.booleans()):
        name = f"ConvTranspose{n}d"
        options["padding"] = draw(cells)
        options["output_padding"] = draw(cells) if shape[0] else 0  # else torch does not check it
    else:
        name = f"Conv{n}d"
        options["padding"] = draw(st.one_of(cells, st.sampled_from(["same", "valid"])))
        options["stride"] = 1 if options["padding"] == "same" else options["stride"]
        modes = ["zeros", "zeros", "reflect", "replicate", "circular"]
        options["padding_mode"] = draw(st.sampled_from(modes))
    return name, options, shape, draw(st.sampled_from(LAYOUTS))


@st.composite
def paddings(draw: Any) -> tuple[str, dict[str, Any], tuple[int, ...], str]:
    n = draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["Circular", "Constant", "Reflection", "Replication", "Zero"]))
    low = 0 if kind == "Circular" else -3  # a width on one side beside a cut reads cells unwritten
    each = st.lists(st.integers(low, 4), min_size=2 * n, max_size=2 * n)
    options = {"padding": draw(st.one_of(st.integers(-1, 2), each))}
    if kind == "Constant":
        options["value"] = draw(st.floats(-2, 2))
    return f"{kind}Pad{n}d", options, _shape(draw, n, 2, 5), draw(st.sampled_from(LAYOUTS))


def _call(torch: Any, lib: Any, layer: Any, x: Any, g: Any) -> list[Any]:
    """Return the output and the gradients for the cotangent g, as arrays."""
    y = layer(x)
    assert tuple(y.shape) == g.shape
    leaves = [x, *layer.parameters()]
    wanted = torch.tensor(g) if lib is torch else lib.tensor(g)
    return [y.detach().numpy(), *(a.numpy() for a in lib.autograd.grad(y, leaves, wanted))]


def _compare(configuration: Any) -> None:
    torch = pytest.importorskip("torch")
    name, options, shape, layout = configuration
    array = _laid(np.random.default_rng(0).standard_normal(shape), layout)
    ours = getattr(nn, name)(**options).double()
    theirs = getattr(torch.nn, name)(**options).double()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = rl.from_numpy(array).requires_grad_()
    other = torch.tensor(np.ascontiguousarray(array), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of a copy for odd 'same' padding
        try:
            size = tuple(theirs(other).shape)
        except (RuntimeError, ValueError):
            with pytest.raises((RuntimeError, ValueError)):
                ours(x)
            return
        assume(name[:4] != "Conv" or min(size[1:]) > 0)  # torch, of an empty batch without cells
        g = np.random.default_rng(1).standard_normal(size)
        right = _call(torch, torch, theirs, other, g)
    for a, b in zip(_call(torch, rl, ours, x, g), right, strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-11)


@settings(deadline=None, max_examples=80)
@given(convolutions())
def test_convolutions_equal_torch(configuration: Any) -> None:
    _compare(configuration)


@settings(deadline=None, max_examples=80)
@given(paddings())
def test_paddings_equal_torch(configuration: Any) -> None:
    _compare(configuration)
