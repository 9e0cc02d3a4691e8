"""Random rows of layers of both dialects against torch, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.classic import practical_dl, torch_like
from rushlight.classic.module import flat

torch: Any = pytest.importorskip("torch")
F = torch.nn.functional

SEEDS = st.integers(0, 2**32 - 1)
MODES = ["zeros", "reflect", "replicate", "circular"]
SIMPLE = {  # both dialects have them, with these defaults
    "ReLU": F.relu,
    "ELU": F.elu,
    "SoftPlus": F.softplus,
    "Gelu": F.gelu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "SoftMax": lambda x: x.softmax(1),
    "LogSoftMax": lambda x: x.log_softmax(1),
}


class Row:
    """Layers and the same in torch: a function of x for each, and its parameters by the arrays."""

    def __init__(self, dialect: Any, seed: int) -> None:
        self.dialect = dialect
        self.rng = np.random.default_rng(seed)
        self.net = dialect.Sequential()
        self.steps: list[Any] = []
        self.parameters: list[Any] = []

    def add(self, layer: Any, step: Any, *names: str) -> None:
        """Add a layer of random float64 parameters and what torch does with them."""
        tensors = []
        for name in names:
            array = self.rng.standard_normal(getattr(layer, name).shape)
            setattr(layer, name, array)
            tensors.append(torch.tensor(array, requires_grad=True))
        self.net.add(layer)
        self.parameters += tensors
        self.steps.append(lambda x, training: step(x, training, *tensors))

    def forward(self, x: Any, training: bool) -> Any:
        for step in self.steps:
            x = step(x, training)
        return x


def _batch_norm(row: Row, channels: int, alpha: float) -> None:
    if row.dialect is torch_like:
        layer = torch_like.BatchNormalization(channels, 1 - alpha, affine=True)
        layer.moving_mean, layer.moving_variance = np.zeros(channels), np.ones(channels)
        moving = torch.zeros(channels).double(), torch.ones(channels).double()

        def step(x: Any, training: bool, gamma: Any, beta: Any) -> Any:
            return F.batch_norm(x, *moving, gamma, beta, training, 1 - alpha, 1e-5)

        row.add(layer, step, "gamma", "beta")
        return
    averaged: list[Any] = []

    def by_hand(x: Any, training: bool) -> Any:
        dims, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        found = x.mean(dims), x.var(dims, correction=0)
        if training:
            old = averaged or [part.detach() for part in found]
            averaged[:] = [
                alpha * a + (1 - alpha) * b.detach() for a, b in zip(old, found, strict=True)
            ]
        mean, var = (part.view(column) for part in (found if training else averaged))
        return (x - mean) / (var + 1e-3).sqrt()

    row.add(practical_dl.BatchNormalization(alpha), by_hand)


def _conv(row: Row, draw: Any, shape: list[int]) -> None:
    out = draw(st.integers(1, 3))
    if row.dialect is practical_dl:
        kernel = draw(st.sampled_from([1, 3]))
        layer = practical_dl.Conv2d(shape[0], out, kernel)
        row.add(layer, lambda x, _, W, b: F.conv2d(x, W, b, padding=kernel // 2), "W", "b")
        shape[0] = out
        return
    kernels = tuple(draw(st.integers(1, min(3, size))) for size in shape[1:])
    mode, stride = draw(st.sampled_from(MODES)), draw(st.integers(1, 2))
    most = 1 if mode in ("zeros", "replicate") else min(1, min(shape[1:]) - 1)
    padding = draw(st.integers(0, most) if stride > 1 or mode != "zeros" else st.just("same"))
    layer = torch_like.Conv2d(shape[0], out, kernels, stride, padding, padding_mode=mode)
    twin = torch.nn.Conv2d(shape[0], out, kernels, stride, padding, padding_mode=mode)

    def step(x: Any, _: bool, W: Any, b: Any) -> Any:
        return torch.func.functional_call(twin, {"weight": W, "bias": b}, (x,))

    row.add(layer, step, "W", "b")
    shape[0] = out
    shape[1:] = twin(torch.zeros(1, twin.in_channels, *shape[1:])).shape[2:]


def _pool(row: Row, draw: Any, shape: list[int]) -> None:
    name = draw(st.sampled_from(["MaxPool2d", "AvgPool2d"]))
    pool = F.max_pool2d if name == "MaxPool2d" else F.avg_pool2d
    kernel = draw(st.integers(1, min(3, *shape[1:])))
    given: tuple[int, ...] = (kernel,)
    if row.dialect is torch_like:
        given += (draw(st.integers(1, 2)), draw(st.integers(0, kernel // 2)))
    elif any(size % kernel for size in shape[1:]):
        return
    row.add(getattr(row.dialect, name)(*given), lambda x, _: pool(x, *given))
    shape[1:] = pool(torch.zeros(1, 1, *shape[1:]), *given).shape[2:]


def _end(row: Row, draw: Any, shape: list[int]) -> None:
    end = draw(st.sampled_from(["Flatten", "GlobalMaxPool2d", "GlobalAvgPool2d"]))
    steps = {
        "Flatten": lambda x, _: x.flatten(1),
        "GlobalMaxPool2d": lambda x, _: x.amax((2, 3)),
        "GlobalAvgPool2d": lambda x, _: x.mean((2, 3)),
    }
    row.add(getattr(row.dialect, end)(), steps[end])
    shape[:] = [int(np.prod(shape))] if end == "Flatten" else shape[:1]


def _layer(row: Row, draw: Any, shape: list[int]) -> None:
    """Add one random layer; shape is that of one sample, (C, H, W) or (C)."""
    kinds = ["simple", "norm", "scale", "leaky"]
    kind = draw(st.sampled_from([*kinds, *(["conv", "pool"] if len(shape) == 3 else ["linear"])]))
    dialect, n = row.dialect, shape[0]
    if kind == "simple":
        name = draw(st.sampled_from(sorted(SIMPLE)))
        row.add(getattr(dialect, name)(), lambda x, _: SIMPLE[name](x))
    elif kind == "norm":
        _batch_norm(row, n, draw(st.sampled_from([0.0, 0.9])))
    elif kind == "scale":

        def step(x: Any, _: bool, gamma: Any, beta: Any) -> Any:
            column = (-1, *[1] * (x.ndim - 2))
            return x * gamma.view(column) + beta.view(column)

        row.add(dialect.ChannelwiseScaling(n), step, "gamma", "beta")
    elif kind == "leaky":
        slope = 0.03 if dialect is practical_dl else 0.01
        row.add(dialect.LeakyReLU(), lambda x, _: F.leaky_relu(x, slope))
    elif kind == "linear":
        shape[0] = draw(st.integers(1, 4))
        row.add(dialect.Linear(n, shape[0]), lambda x, _, W, b: F.linear(x, W, b), "W", "b")
    else:
        (_conv if kind == "conv" else _pool)(row, draw, shape)


@st.composite
def rows(draw: Any) -> tuple[Row, tuple[int, ...]]:
    """Return a row of layers and the shape of a sample that it takes."""
    row = Row(draw(st.sampled_from([practical_dl, torch_like])), draw(SEEDS))
    shape = [draw(st.integers(1, 3)), *draw(st.tuples(st.integers(2, 6), st.integers(2, 6)))]
    whole = tuple(shape)
    for _ in range(draw(st.integers(1, 4))):
        _layer(row, draw, shape)
    _end(row, draw, shape)
    for _ in range(draw(st.integers(0, 3))):
        _layer(row, draw, shape)
    return row, whole


def _close(ours: Any, theirs: Any, what: str) -> None:
    theirs = theirs.detach().numpy()
    scale = max(1.0, abs(theirs).max(initial=0.0))
    np.testing.assert_allclose(ours, theirs, 1e-8, 1e-8 * scale, err_msg=what)
    assert ours.dtype == np.float64, what


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=15, deadline=None)
@given(rows(), st.integers(2, 4), SEEDS)
def test_rows_of_layers_agree_with_torch(
    made: tuple[Row, tuple[int, ...]], n: int, seed: int
) -> None:
    row, shape = made
    rng, net = np.random.default_rng(seed), row.net
    held = list(flat(net.getGradParameters()))
    for training in (True, True, False):
        (net.train if training else net.evaluate)()
        x = rng.standard_normal((n, *shape))
        tx = torch.tensor(x, requires_grad=True)
        theirs = row.forward(tx, training)
        _close(net.forward(x), theirs, "output")
        g = rng.standard_normal(net.output.shape)
        theirs.backward(torch.tensor(g))
        _close(net.backward(x, g), tx.grad, "gradInput")
        for i, (ours, parameter) in enumerate(zip(held, row.parameters, strict=True)):
            _close(ours, parameter.grad, f"gradient {i}")  # of all rounds so far
    assert all(a is b for a, b in zip(held, flat(net.getGradParameters()), strict=True))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["sgd", "adam"]), SEEDS, st.booleans())
def test_optimizers_follow_their_formulas(name: str, seed: int, nested: bool) -> None:
    rng = np.random.default_rng(seed)
    lr, beta1, beta2, eps, momentum = rng.uniform(0.01, 0.9, 5)
    config = {"learning_rate": lr, "momentum": momentum, "beta1": beta1, "beta2": beta2}
    config["epsilon"] = eps
    ours = [rng.standard_normal((3, 2)), rng.standard_normal(4)]
    right, state = [w.copy() for w in ours], {}
    first = [np.zeros_like(w) for w in ours]
    second = [np.zeros_like(w) for w in ours]
    for t in range(1, 6):
        gradients = [rng.standard_normal(w.shape) for w in ours]
        step = torch_like.sgd_momentum if name == "sgd" else torch_like.adam_optimizer
        lists = [[ours, []], [gradients, []]] if nested else [ours, gradients]
        step(*lists, config, state)
        for w, g, m, v in zip(right, gradients, first, second, strict=True):
            if name == "sgd":
                m[...] = momentum * m + lr * g
                w -= m
            else:
                m[...] = beta1 * m + (1 - beta1) * g
                v[...] = beta2 * v + (1 - beta2) * g**2
                w -= lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + eps)
    kept = [state["accumulated_grads"]] if name == "sgd" else [state["m"], state["v"]]
    for i, w in enumerate(right):
        np.testing.assert_allclose(ours[i], w, 1e-9, 1e-12)
        for arrays, expected in zip(kept, (first, second), strict=False):
            np.testing.assert_allclose(arrays[i], expected[i], 1e-9, 1e-12)
