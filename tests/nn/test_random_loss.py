"""Losses in random configurations against torch, in float64: values and all gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl

torch = pytest.importorskip("torch")

Draw = Callable[[st.SearchStrategy[Any]], Any]
REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


class Call:
    """A module with options, its inputs, and which of them get no gradient (in torch neither)."""

    def __init__(self, name: str, *inputs: Any, fixed: tuple[int, ...] = (), **options: Any):
        self.name, self.inputs, self.fixed, self.options = name, inputs, fixed, options

    def __repr__(self) -> str:
        shapes = [getattr(x, "shape", x) for x in self.inputs]
        return f"{self.name}({self.options}) of {shapes}"


class Source:
    """Random arrays of one seed, in random layouts."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def normal(self, *shape: int, scale: float = 1.0) -> Any:
        return self._laid(self.rng.standard_normal(shape) * scale)

    def uniform(self, *shape: int) -> Any:
        return self._laid(self.rng.uniform(0.1, 0.9, shape))

    def signs(self, *shape: int) -> Any:
        return self.rng.choice([-1.0, 1.0], shape)

    def classes(self, n: int, *shape: int, low: int = 0) -> Any:
        return np.asarray(self.rng.integers(low, n, shape))

    def _laid(self, x: Any) -> Any:
        if self.draw(st.booleans()):
            return x
        return np.asfortranarray(x) if self.draw(st.booleans()) else np.repeat(x, 2, -1)[..., ::2]


def _rows(draw: Draw, least: int = 0) -> tuple[int, ...]:
    """The batch: none, or of some size."""
    return draw(st.sampled_from([(), *[(n,) for n in (0, 1, 4) if n >= least]]))


def _shape(draw: Draw) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)))


def _broadcast(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape of as many dims that broadcasts to it."""
    return tuple([1 if n == 1 or draw(st.integers(0, 3)) == 0 else n for n in shape])


@st.composite
def pairs(draw: Draw) -> Call:
    s, shape, r = Source(draw), _shape(draw), draw(REDUCTIONS)
    name = draw(st.sampled_from(["Hinge", "Soft", "KL", "Poisson", "Gauss", "MultiSoft", "Rank"]))
    small = _broadcast(draw, shape)
    if name == "Hinge":
        margin = draw(st.sampled_from([0.0, 0.5, 1.0]))
        x, t = s.normal(*shape), s.signs(*small)
        return Call("HingeEmbeddingLoss", x, t, fixed=(1,), margin=margin, reduction=r)
    if name == "Soft":
        x, t = s.normal(*shape, scale=30.0), s.signs(*small)
        return Call("SoftMarginLoss", x, t, fixed=(1,), reduction=r)
    if name == "KL":
        logs = draw(st.booleans())
        t = s.normal(*small) if logs else s.uniform(*small)
        r = draw(st.sampled_from(["mean", "sum", "none", "batchmean"]))
        return Call("KLDivLoss", s.normal(*shape), t, log_target=logs, reduction=r)
    if name == "Poisson":
        log, full = draw(st.booleans()), draw(st.booleans())
        x = s.normal(*shape) if log else s.uniform(*shape)
        t = s.classes(9, *small) + 0.5
        return Call("PoissonNLLLoss", x, t, log_input=log, full=full, reduction=r)
    if name == "Gauss":
        var = draw(st.sampled_from([0.7, shape, shape[:-1], (*shape[:-1], 1)]))
        v = var if isinstance(var, float) else s.uniform(*var)
        options = {"full": draw(st.booleans()), "eps": draw(st.sampled_from([1e-6, 0.4]))}
        return Call(
            "GaussianNLLLoss", s.normal(*shape), s.normal(*small), v, reduction=r, **options
        )
    if name == "MultiSoft":
        shape = (*shape[:-1], max(shape[-1], 1))
        weight = draw(st.sampled_from([None, s.uniform(shape[-1])]))
        x, t = s.normal(*shape), s.uniform(*shape)
        return Call("MultiLabelSoftMarginLoss", x, t, weight=weight, reduction=r)
    margin = draw(st.sampled_from([0.0, 0.5]))
    a, b, t = s.normal(*shape), s.normal(*small), s.signs(*_broadcast(draw, shape))
    return Call("MarginRankingLoss", a, b, t, margin=margin, reduction=r)


@st.composite
def vectors(draw: Draw) -> Call:
    s, rows, r = Source(draw), _rows(draw), draw(REDUCTIONS)
    shape = (*rows, draw(st.integers(1, 5)))
    a, b, c = s.normal(*shape), s.normal(*shape), s.normal(*shape)
    if draw(st.booleans()):
        margin = draw(st.sampled_from([-0.5, 0.0, 0.5]))
        t = s.signs(*rows)
        return Call("CosineEmbeddingLoss", a, b, t, fixed=(2,), margin=margin, reduction=r)
    options = {"margin": draw(st.sampled_from([0.3, 1.0])), "swap": draw(st.booleans())}
    if draw(st.booleans()):
        return Call("TripletMarginWithDistanceLoss", a, b, c, reduction=r, **options)
    options |= {
        "p": draw(st.sampled_from([1.0, 2.0, 3.5])),
        "eps": draw(st.sampled_from([0.0, 1e-3])),
    }
    return Call("TripletMarginLoss", a, b, c, reduction=r, **options)


@st.composite
def labelled(draw: Draw) -> Call:
    """Scores of classes; torch gives whatever lies in memory as the mean or sum of no rows."""
    s, r = Source(draw), draw(REDUCTIONS)
    rows = _rows(draw, least=0 if r == "none" else 1)
    n = draw(st.integers(1, 6))
    x = s.normal(*rows, n)
    if draw(st.booleans()):
        return Call("MultiLabelMarginLoss", x, s.classes(n, *rows, n, low=-1), reduction=r)
    weight = draw(st.sampled_from([None, s.uniform(n)]))
    options = {"p": draw(st.sampled_from([1, 2])), "margin": draw(st.sampled_from([0.0, 0.5, 2.0]))}
    return Call("MultiMarginLoss", x, s.classes(n, *rows), weight=weight, reduction=r, **options)


@st.composite
def sequences(draw: Draw) -> Call:
    s, r = Source(draw), draw(REDUCTIONS)
    steps, samples, n = draw(st.integers(1, 8)), draw(st.integers(1, 3)), draw(st.integers(2, 5))
    blank = draw(st.integers(0, n - 1))
    lengths = [draw(st.integers(0, 4)) for _ in range(samples)]
    inputs = [draw(st.integers(0, steps)) for _ in range(samples)]
    labels = s.classes(n - 1, samples, max(lengths))
    labels = labels + (labels >= blank)
    x = s.normal(steps, samples, n, scale=draw(st.sampled_from([1.0, 50.0])))
    x = (
        x
        - np.log(np.exp(x - x.max(2, keepdims=True)).sum(2, keepdims=True))
        - x.max(2, keepdims=True)
    )
    options = {"blank": blank, "reduction": r, "zero_infinity": draw(st.booleans())}
    form = draw(st.sampled_from(["padded", "chained", "alone"]))
    if form == "chained":
        labels = np.concatenate([row[:k] for row, k in zip(labels, lengths, strict=True)])
    if form == "alone":
        x, labels = x[:, 0], labels[0, : lengths[0]]
        inputs, lengths = inputs[:1], lengths[:1]
    if draw(st.booleans()):
        return Call("CTCLoss", x, labels, np.array(inputs), np.array(lengths), **options)
    return Call("CTCLoss", x, labels, tuple(inputs), tuple(lengths), **options)


@st.composite
def held(draw: Draw) -> Call:
    """With a layer of their own."""
    s, rows = Source(draw), _rows(draw)
    size, n = draw(st.integers(1, 6)), draw(st.integers(3, 9))
    x = s.normal(*rows, size)
    if draw(st.booleans()):
        cuts = sorted(draw(st.sets(st.integers(1, n - 1), min_size=1, max_size=3)))
        options = {"cutoffs": cuts, "div_value": 1.0, "head_bias": draw(st.booleans())}
        t = s.classes(n, *rows)
        return Call("AdaptiveLogSoftmaxWithLoss", x, t, in_features=size, n_classes=n, **options)
    options = {
        "bias": draw(st.booleans()),
        "reduction": draw(REDUCTIONS),
        "weight": draw(st.sampled_from([None, s.uniform(n)])),
        "ignore_index": draw(st.sampled_from([None, 1, -100])),
    }
    if draw(st.booleans()):
        options["options"] = {
            "batch_chunk_size": draw(st.integers(1, 5)),
            "allow_retain_graph": True,
        }
        t = s.classes(n, *rows)
        if t.size and (t == options["ignore_index"]).all():
            t = np.zeros_like(t)  # where nothing counts, torch's gradient is nan
    else:
        options["out_features"] = draw(st.sampled_from([(), (2,), (1, 3)])) if rows else ()
        options["label_smoothing"] = draw(st.sampled_from([0.0, 0.3]))
        t = s.classes(n, *rows, *options["out_features"])
        if options["ignore_index"] is None and draw(st.booleans()):
            t = s.uniform(*rows, n, *options["out_features"])
    return Call("LinearCrossEntropyLoss", x, t, in_features=size, num_classes=n, **options)


@st.composite
def plain(draw: Draw) -> Call:
    """Regression and a yes or no, of equal shapes."""
    s, shape, r = Source(draw), _shape(draw), draw(REDUCTIONS)
    name = draw(
        st.sampled_from(["L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "BCE", "Logits"])
    )
    if name == "BCE":
        weight = draw(st.sampled_from([None, s.uniform(*_broadcast(draw, shape))]))
        return Call("BCELoss", s.uniform(*shape), s.uniform(*shape), weight=weight, reduction=r)
    if name == "Logits":
        weights = {
            key: draw(st.sampled_from([None, s.uniform(*_broadcast(draw, shape))]))
            for key in ("weight", "pos_weight")
        }
        x, t = s.normal(*shape, scale=20.0), s.uniform(*shape)
        return Call("BCEWithLogitsLoss", x, t, reduction=r, **weights)
    options = {"SmoothL1Loss": "beta", "HuberLoss": "delta"}
    width = {options[name]: draw(st.sampled_from([0.3, 1.0, 2]))} if name in options else {}
    return Call(name, s.normal(*shape), s.normal(*shape), reduction=r, **width)


@st.composite
def classes(draw: Draw) -> Call:
    s, rows, r, n = Source(draw), _rows(draw), draw(REDUCTIONS), draw(st.integers(1, 5))
    spatial = tuple(draw(st.lists(st.integers(1, 3), max_size=3))) if rows else ()
    weight = draw(st.sampled_from([None, s.uniform(n)]))
    options = {"weight": weight, "reduction": r}
    x, t = s.normal(*rows, n, *spatial), s.classes(n, *rows, *spatial)
    ignored = draw(st.sampled_from([-100, 0]))
    if (t == ignored).all():
        ignored = -100  # where nothing counts, torch's gradient is nan
    if draw(st.booleans()):
        x = np.ascontiguousarray(x)  # in torch's backward others are an error
        return Call("NLLLoss", x, t, ignore_index=ignored, **options)
    options["label_smoothing"] = draw(st.sampled_from([0.0, 0.2, 1.0]))
    if draw(st.booleans()):
        return Call("CrossEntropyLoss", x, s.uniform(*rows, n, *spatial), **options)
    return Call("CrossEntropyLoss", x, t, ignore_index=ignored, **options)


def _made(lib: Any, make: Any, call: Call) -> Any:
    options = {
        k: make(np.ascontiguousarray(v)) if isinstance(v, np.ndarray) else v
        for k, v in call.options.items()
    }
    if "options" in options:
        options["options"] = lib.nn.LinearCrossEntropyOptions(**options["options"])
    return getattr(lib.nn, call.name)(**options).double()


def _run(lib: Any, make: Any, module: Any, call: Call) -> list[Any]:
    """Outputs and the gradients of the inputs and parameters."""
    inputs = [make(x) if isinstance(x, np.ndarray) else x for x in call.inputs]
    leaves = list(module.parameters())
    for i, (x, given_) in enumerate(zip(inputs, call.inputs, strict=True)):
        if isinstance(given_, np.ndarray) and given_.dtype.kind == "f" and i not in call.fixed:
            leaves.append(x.requires_grad_())
    found = module(*inputs)
    outputs = list(found) if isinstance(found, tuple) else [found]
    total = sum(
        (y * make(np.cos(np.arange(1.0, y.numel() + 1)).reshape(y.shape))).sum() for y in outputs
    )
    grads = lib.autograd.grad(total, leaves, allow_unused=True)
    return [
        *[y.detach().numpy() for y in outputs],
        *[
            np.zeros(x.shape) if g is None else g.numpy()
            for g, x in zip(grads, leaves, strict=True)
        ],
    ]


def _check(call: Call) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = _made(torch, lambda a: torch.from_numpy(a.copy(order="K")), call)
        ours = _made(rl, lambda a: rl.from_numpy(a.copy(order="K")), call)
        ours.load_state_dict(
            {k: rl.from_numpy(v.detach().numpy().copy()) for k, v in theirs.state_dict().items()}
        )
        expected = _run(torch, lambda a: torch.from_numpy(a.copy(order="K")), theirs, call)
        got = _run(rl, lambda a: rl.from_numpy(a.copy(order="K")), ours, call)
    for mine, right in zip(got, expected, strict=True):
        assert mine.shape == right.shape
        np.testing.assert_allclose(mine, right, rtol=1e-8, atol=1e-10)


random_calls = settings(max_examples=25, deadline=None)


@random_calls
@given(plain())
def test_plain(call: Call) -> None:
    _check(call)


@random_calls
@given(classes())
def test_classes(call: Call) -> None:
    _check(call)


@random_calls
@given(pairs())
def test_pairs(call: Call) -> None:
    _check(call)


@random_calls
@given(vectors())
def test_vectors(call: Call) -> None:
    _check(call)


@random_calls
@given(labelled())
def test_labelled(call: Call) -> None:
    _check(call)


@random_calls
@given(sequences())
def test_sequences(call: Call) -> None:
    _check(call)


@random_calls
@given(held())
def test_held(call: Call) -> None:
    _check(call)
