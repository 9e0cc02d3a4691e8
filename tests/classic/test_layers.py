"""Layers of both dialects against formulas, and against torch where it is installed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import classic
from rushlight.classic import practical_dl, torch_like
from rushlight.errors import ShapeError

both = pytest.mark.parametrize("dialect", [practical_dl, torch_like], ids=["practical", "torch"])
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _double() -> Any:
    rl.manual_seed(0)
    rl.set_default_dtype("float64")
    yield
    rl.set_default_dtype("float32")


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


def close(a: Any, b: Any, what: str = "") -> None:
    np.testing.assert_allclose(a, b, 1e-9, 1e-12, err_msg=what)


def against_torch(layer: Any, theirs: Any, x: Any, names: dict[str, str] | None = None) -> None:
    """Compare output and all gradients; `names` are ours and torch's of the parameters."""
    torch = pytest.importorskip("torch")
    for ours, name in (names or {}).items():
        with torch.no_grad():
            getattr(theirs, name).copy_(torch.tensor(getattr(layer, ours)))
    other = torch.tensor(x, requires_grad=True)
    expected = theirs(other)
    out = layer.forward(x)
    close(out, expected.detach().numpy(), "output")
    g = normal(*out.shape)
    expected.backward(torch.tensor(g))
    close(layer.backward(x, g), other.grad.numpy(), "gradInput")
    for ours, name in (names or {}).items():
        gradient = getattr(layer, "grad" + (ours if len(ours) == 1 else ours.title()))
        close(gradient, getattr(theirs, name).grad.numpy(), ours)


# ---- linear and activations


@both
def test_linear(dialect: Any) -> None:
    layer, x, g = dialect.Linear(3, 2), normal(4, 3), normal(4, 2)
    close(layer.forward(x), x @ layer.W.T + layer.b)
    close(layer.backward(x, g), g @ layer.W)
    close(layer.gradW, g.T @ x)
    close(layer.gradb, g.sum(0))
    layer.backward(x, g)
    close(layer.gradW, 2 * g.T @ x)


ERF = np.vectorize(math.erf)
X = np.concatenate([normal(3, 5) * 3, [[0.0, -1000.0, 1000.0, 1e-9, -30.0]]])
FORMULAS: dict[str, tuple[Any, Any]] = {  # the function and its derivative
    "ReLU": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "ELU": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0))),
    ),
    "SoftPlus": (
        lambda x: np.logaddexp(0, x),
        lambda x: np.exp(-np.logaddexp(0, -x)),
    ),
    "Gelu": (
        lambda x: x * 0.5 * (1 + ERF(x / 2**0.5)),
        lambda x: 0.5 * (1 + ERF(x / 2**0.5)) + x * np.exp(-x * x / 2) / (2 * np.pi) ** 0.5,
    ),
    "Sigmoid": (
        lambda x: np.exp(-np.logaddexp(0, -x)),
        lambda x: np.exp(-np.logaddexp(0, -x) - np.logaddexp(0, x)),
    ),
    "Tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
}


@both
@pytest.mark.parametrize("name", FORMULAS)
def test_activation(dialect: Any, name: str) -> None:
    layer, (function, derivative) = getattr(dialect, name)(), FORMULAS[name]
    g = normal(*X.shape)
    np.testing.assert_allclose(layer.forward(X), function(X), 1e-12, 1e-14)
    np.testing.assert_allclose(layer.backward(X, g), g * derivative(X), 1e-9, 1e-12)
    assert layer.forward(X.astype("f4")).dtype == np.float32


@pytest.mark.parametrize("dialect, slope", [(practical_dl, 0.03), (torch_like, 0.01)])
def test_slopes(dialect: Any, slope: float) -> None:
    for layer, used in ((dialect.LeakyReLU(), slope), (dialect.LeakyReLU(0.2), 0.2)):
        assert layer.slope == used
        close(layer.forward(X), np.where(X > 0, X, used * X))
        close(layer.backward(X, X), np.where(X > 0, X, used * X))
    layer.slope = 0.5
    close(layer.forward(X), np.where(X > 0, X, 0.5 * X))
    assert dialect.ELU(2.0).alpha == 2.0
    close(dialect.ELU(2.0).forward(np.array([-1.0])), 2 * np.expm1(-1.0))


@both
def test_softmax(dialect: Any) -> None:
    x, g = np.concatenate([normal(3, 4), [[1e3, -1e3, 1e3, 0]]]), normal(4, 4)
    e = np.exp(x - x.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    layer = dialect.SoftMax()
    close(layer.forward(x), p)
    close(layer.backward(x, g), p * (g - (g * p).sum(1, keepdims=True)))
    layer = dialect.LogSoftMax()
    close(layer.forward(x)[:3], np.log(p[:3]))
    assert np.isfinite(layer.output).all()
    close(layer.backward(x, g), g - p * g.sum(1, keepdims=True))
    assert dialect.LogSoftmax is dialect.LogSoftMax and dialect.GELU is dialect.Gelu


def test_flatten() -> None:
    x = normal(2, 3, 4, 5)
    for layer, shape in (
        (practical_dl.Flatten(), (2, 60)),
        (torch_like.Flatten(), (2, 60)),
        (torch_like.Flatten(0, 2), (24, 5)),
    ):
        assert layer.forward(x).shape == shape
        close(layer.backward(x, x.reshape(shape)), x)


# ---- batch norm, scaling, dropout

SHAPES = pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)], ids=["2d", "4d"])


@SHAPES
def test_batch_norm_torch_like(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    layer = torch_like.BatchNormalization(3, momentum=0.3, affine=True)
    theirs = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)](
        3, momentum=0.3
    ).double()
    layer.gamma, layer.beta = normal(3), normal(3)
    for _ in range(2):
        layer.zeroGradParameters()
        theirs.zero_grad()
        names = {"gamma": "weight", "beta": "bias"}
        against_torch(layer, theirs, 3 * normal(*shape) + 1, names)
        close(layer.moving_mean, theirs.running_mean.numpy())
        close(layer.moving_variance, theirs.running_var.numpy())
    layer.evaluate()
    theirs.eval()
    before = layer.moving_mean.copy()
    against_torch(layer, theirs, normal(*shape))
    close(layer.moving_mean, before)
    assert (layer.EPS, torch_like.BatchNormalization.EPS, layer.momentum) == (1e-5, 1e-5, 0.3)


def test_batch_norm_torch_like_normalizes_only_by_default() -> None:
    layer = torch_like.BatchNormalization(3)
    assert layer.gamma is None and layer.gradBeta is None and layer.getParameters() == []
    assert layer.momentum == 0.1
    with pytest.raises(ValueError, match=r"BatchNormalization.gamma: got an array, expected none"):
        layer.gamma = np.ones(3)


@SHAPES
def test_batch_norm_practical(shape: tuple[int, ...]) -> None:
    axes = (0, *range(2, len(shape)))
    layer = practical_dl.BatchNormalization(alpha=0.6)
    assert layer.moving_mean is None and layer.moving_variance is None
    mean = variance = None
    for i in range(3):
        x, g = 2 * normal(*shape) - 1, normal(*shape)
        m, v = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        mean = m if i == 0 else 0.6 * mean + 0.4 * m
        variance = v if i == 0 else 0.6 * variance + 0.4 * v
        y = (x - m) / np.sqrt(v + 1e-3)
        close(layer.forward(x), y)
        dx = g - g.mean(axes, keepdims=True) - y * (g * y).mean(axes, keepdims=True)
        close(layer.backward(x, g), dx / np.sqrt(v + 1e-3))
        close(layer.moving_mean, mean.ravel())
        close(layer.moving_variance, variance.ravel())
    layer.evaluate()
    close(layer.forward(x), (x - mean) / np.sqrt(variance + 1e-3))
    close(layer.backward(x, g), g / np.sqrt(variance + 1e-3))
    close(layer.moving_mean, mean.ravel())
    layer.moving_mean, layer.moving_variance = np.zeros(3), np.ones(3)
    close(layer.forward(x), x / np.sqrt(1 + 1e-3))
    assert layer.EPS == practical_dl.BatchNormalization.EPS == 1e-3 and layer.alpha == 0.6
    assert practical_dl.BatchNormalization().alpha == 0.0


def test_batch_norm_of_one_sample_and_before_training() -> None:
    layer = practical_dl.BatchNormalization()
    close(layer.forward(normal(1, 3)), np.zeros((1, 3)))
    fresh = practical_dl.BatchNormalization()
    fresh.evaluate()
    with pytest.raises(RuntimeError, match="got evaluation before the first batch"):
        fresh.forward(normal(2, 3))
    with pytest.raises(ShapeError, match=r"expected \(N, C\) or \(N, C, H, W\)"):
        layer.forward(normal(2, 3, 4))
    with pytest.raises(ShapeError, match=r"moving_mean: got \(4,\), expected \(3,\)"):
        layer.moving_mean = np.zeros(4)


def test_eps_of_a_subclass_is_heard() -> None:
    class Mine(practical_dl.BatchNormalization):
        EPS = 0.5

    x = normal(5, 2)
    close(Mine().forward(x), (x - x.mean(0)) / np.sqrt(x.var(0) + 0.5))
    layer = practical_dl.BatchNormalization()
    layer.EPS = 0.25
    close(layer.forward(x), (x - x.mean(0)) / np.sqrt(x.var(0) + 0.25))


@both
@SHAPES
def test_scaling(dialect: Any, shape: tuple[int, ...]) -> None:
    layer, axes = dialect.ChannelwiseScaling(3), (0, *range(2, len(shape)))
    column = (3, *[1] * (len(shape) - 2))
    layer.gamma, layer.beta = normal(3), normal(3)
    x, g = normal(*shape), normal(*shape)
    for times in (1, 2):
        close(layer.forward(x), x * layer.gamma.reshape(column) + layer.beta.reshape(column))
        close(layer.backward(x, g), g * layer.gamma.reshape(column))
        close(layer.gradGamma, times * (g * x).sum(axes))
        close(layer.gradBeta, times * g.sum(axes))
    with pytest.raises(ShapeError, match=r"ChannelwiseScaling: got input \(2, 4\)"):
        layer.forward(normal(2, 4))


@both
def test_dropout(dialect: Any) -> None:
    layer, x = dialect.Dropout(0.3), 1 + RNG.random((200, 100))
    assert layer.mask is None
    first = layer.forward(x)
    mask = layer.mask
    close(first, x * mask / 0.7)
    assert mask.dtype == bool and abs(mask.mean() - 0.7) < 0.02
    assert mask.mean(0).min() > 0.5 and mask.mean(1).min() > 0.5
    g = normal(*x.shape)
    close(layer.backward(x, g), g * mask / 0.7)
    layer.forward(x)
    assert 0.5 < (layer.mask == mask).mean() < 0.65  # drawn anew: 0.58 by chance
    layer.evaluate()
    close(layer.forward(x), x)
    close(layer.backward(x, g), g)
    assert layer.mask.all() and layer.gradInput is not g
    assert dialect.Dropout().p == 0.5


def test_dropout_probabilities() -> None:
    for p in (-0.1, 1.0, 1.5):
        with pytest.raises(ValueError, match=f"Dropout: got p={p}, expected 0 <= p < 1"):
            torch_like.Dropout(p)
    assert not practical_dl.Dropout(1.0).forward(np.ones(3)).any()
    with pytest.raises(ValueError, match="got p=2"):
        practical_dl.Dropout(2)
    layer = practical_dl.Dropout(0.0)
    close(layer.forward(X), X)
    layer.p = 1.0
    assert not layer.forward(X).any()


# ---- convolution

GEOMETRIES: list[dict[str, Any]] = [
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1, "bias": False},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2)},
    {"kernel_size": (2, 3), "padding": "same"},
    {"kernel_size": 3, "stride": 2, "padding": "valid"},
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("options", GEOMETRIES, ids=str)
def test_conv_torch_like(options: dict[str, Any], mode: str) -> None:
    torch = pytest.importorskip("torch")
    layer = torch_like.Conv2d(2, 3, **options, padding_mode=mode)
    theirs = torch.nn.Conv2d(2, 3, **options, padding_mode=mode).double()
    names = {"W": "weight", "b": "bias"} if options.get("bias", True) else {"W": "weight"}
    against_torch(layer, theirs, normal(2, 2, 5, 6), names)
    if not options.get("bias", True):
        assert layer.b is None and layer.gradb is None


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_conv_practical(kernel: int) -> None:
    torch = pytest.importorskip("torch")
    layer = practical_dl.Conv2d(2, 3, kernel)
    theirs = torch.nn.Conv2d(2, 3, kernel, padding=kernel // 2).double()
    against_torch(layer, theirs, normal(2, 2, 4, 5), {"W": "weight", "b": "bias"})
    assert layer.output.shape == (2, 3, 4, 5)


@pytest.mark.parametrize("kernel", [2, 4, (3, 3), 3.0, True])
def test_conv_practical_wants_an_odd_kernel(kernel: Any) -> None:
    with pytest.raises(ValueError, match="expected an odd int"):
        practical_dl.Conv2d(1, 1, kernel)


def test_conv_torch_like_refuses_what_torch_refuses() -> None:
    with pytest.raises(ValueError, match="'same' with stride"):
        torch_like.Conv2d(1, 1, 3, stride=2, padding="same")
    with pytest.raises(ValueError, match="padding_mode='symmetric'"):
        torch_like.Conv2d(1, 1, 3, padding=1, padding_mode="symmetric")


# ---- pooling


@pytest.mark.parametrize("kind", ["MaxPool2d", "AvgPool2d"])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3), "stride": 1, "padding": (0, 1)},
    ],
    ids=str,
)
def test_pools_torch_like(kind: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.integers(-3, 2, (2, 3, 6, 7)).astype(float)  # with ties, mostly negative
    layer = getattr(torch_like, kind)(**options)
    against_torch(layer, getattr(torch.nn, kind)(**options), x)
    if kind == "MaxPool2d":
        theirs = torch.nn.MaxPool2d(**options, return_indices=True)
        indices = theirs(torch.tensor(x))[1].numpy()
        np.testing.assert_array_equal(layer.max_indices, indices)
        flat = layer.max_mask.reshape(2, 3, -1)
        assert flat.dtype == bool
        for n, c in np.ndindex(2, 3):
            assert set(np.flatnonzero(flat[n, c])) == set(indices[n, c].ravel())


def test_pools_practical() -> None:
    x = normal(2, 3, 4, 6)
    windows = x.reshape(2, 3, 2, 2, 3, 2).transpose(0, 1, 2, 4, 3, 5)
    close(practical_dl.MaxPool2d(2).forward(x), windows.max((-1, -2)))
    close(practical_dl.AvgPool2d(2).forward(x), windows.mean((-1, -2)))
    for kind in (practical_dl.MaxPool2d, practical_dl.AvgPool2d):
        with pytest.raises(ShapeError, match=r"got input \(1, 1, 4, 5\), .* divisible by 2"):
            kind(2).forward(np.zeros((1, 1, 4, 5)))
        with pytest.raises(ValueError, match=r"kernel_size=\(2, 2\), expected an int above 0"):
            kind((2, 2))


@both
def test_max_pool_sends_the_gradient_to_the_first_maximum(dialect: Any) -> None:
    layer, x = dialect.MaxPool2d(2), np.ones((1, 1, 2, 4))
    assert layer.max_indices is None and layer.max_mask is None
    layer.forward(x)
    expected = np.zeros_like(x)
    expected[0, 0, 0, ::2] = [5, 7]
    close(layer.backward(x, np.array([[[[5.0, 7.0]]]])), expected)
    assert layer.max_indices.tolist() == [[[[0, 2]]]]


@both
def test_global_pools(dialect: Any) -> None:
    x = normal(2, 3, 3, 4)
    x[0, 0, 0, 1] = x[0, 0, 2, 3] = 9.0
    g = normal(2, 3)
    layer = dialect.GlobalMaxPool2d()
    close(layer.forward(x), x.max((2, 3)))
    ties = x == x.max((2, 3), keepdims=True)
    np.testing.assert_array_equal(layer.max_mask, ties)
    assert layer.max_indices[0, 0] == 1
    close(layer.backward(x, g), g[:, :, None, None] * ties / ties.sum((2, 3), keepdims=True))
    layer = dialect.GlobalAvgPool2d()
    close(layer.forward(x), x.mean((2, 3)))
    close(layer.backward(x, g), np.broadcast_to(g[:, :, None, None] / 12, x.shape))
    for kind in (dialect.GlobalMaxPool2d, dialect.GlobalAvgPool2d):
        with pytest.raises(ShapeError, match=r"got input \(2, 3\), expected \(N, C, H, W\)"):
            kind().forward(np.zeros((2, 3)))


# ---- criteria


@both
def test_criteria(dialect: Any) -> None:
    x, t = normal(5, 3), np.eye(3)[[0, 2, 1, 1, 0]]
    criterion = dialect.MSECriterion()
    assert isinstance(criterion.forward(x, x + 1), float)
    assert criterion.forward(x, x + 1) == pytest.approx(3)
    criterion.forward(x, t)
    close(criterion.backward(x, t), 2 * (x - t) / 5)
    logs = np.log(np.exp(x) / np.exp(x).sum(1, keepdims=True))
    criterion = dialect.ClassNLLCriterion()
    assert criterion.forward(logs, t) == pytest.approx(-(t * logs).sum() / 5)
    close(criterion.backward(logs, t), -t / 5)
    criterion.forward(logs, t.astype(int))
    close(criterion.backward(logs, t.astype(int)), -t / 5)


@both
def test_unstable_nll_clips(dialect: Any) -> None:
    p = np.array([[0.0, 1.0], [0.25, 0.75], [1.0, 0.0]])
    t = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    criterion = dialect.ClassNLLCriterionUnstable()
    assert criterion.EPS == dialect.ClassNLLCriterionUnstable.EPS == 1e-15
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    assert criterion.forward(p, t) == pytest.approx(-(t * np.log(clipped)).sum() / 3)
    close(criterion.backward(p, t), -t / clipped / 3)


@both
def test_criteria_name_shapes_that_do_not_fit(dialect: Any) -> None:
    with pytest.raises(
        ShapeError, match=r"ClassNLLCriterion: got .* target \(5,\).*one-hot: np.eye\(C\)\[labels\]"
    ):
        dialect.ClassNLLCriterion().forward(normal(5, 3), np.arange(5) % 3)
    with pytest.raises(ShapeError, match=r"MSECriterion: got input \(5, 1\) and target \(5,\)"):
        dialect.MSECriterion().forward(normal(5, 1), normal(5))


# ---- initial values


def _uniform(array: Any, bound: float) -> None:
    assert abs(array).max() <= bound and abs(array).max() > 0.95 * bound
    assert abs(array.mean()) < 0.1 * bound and array.std() == pytest.approx(bound / 3**0.5, rel=0.1)


@both
def test_initial_values_of_linear(dialect: Any) -> None:
    layer = dialect.Linear(16, 500)
    _uniform(layer.W, 1 / 4)
    _uniform(layer.b, 1 / 4)
    assert not layer.gradW.any() and layer.gradb.shape == (500,)


def test_initial_values_that_differ() -> None:
    layer = practical_dl.Conv2d(4, 300, 3)
    _uniform(layer.W, 1 / 2)
    _uniform(layer.b, 1 / 2)
    scaling = practical_dl.ChannelwiseScaling(400)
    _uniform(scaling.gamma, 1 / 20)
    _uniform(scaling.beta, 1 / 20)
    conv = torch_like.Conv2d(4, 300, (3, 2))
    assert conv.W.std() == pytest.approx((2 / 24) ** 0.5, rel=0.05) and abs(conv.W).max() > 0.8
    assert not conv.b.any()
    plain = torch_like.ChannelwiseScaling(4)
    assert (plain.gamma == 1).all() and (plain.beta == 0).all()
    rl.manual_seed(3)
    first = torch_like.Conv2d(4, 3, 3).W
    rl.manual_seed(3)
    np.testing.assert_array_equal(torch_like.Conv2d(4, 3, 3).W, first)


def test_new_layers_have_the_default_dtype() -> None:
    for dtype in ("float32", "float64"):
        rl.set_default_dtype(dtype)
        layers = [classic.Linear(2, 2), classic.Conv2d(1, 1, 3), classic.ChannelwiseScaling(2)]
        found = {a.dtype.name for e in layers for a in e.getParameters() + e.getGradParameters()}
        assert found == {dtype}


@both
def test_all_names_are_there(dialect: Any) -> None:
    assert set(practical_dl.__all__) == set(torch_like.__all__)
    for name in dialect.__all__:
        assert (getattr(dialect, name).__doc__ or "").strip(), name
    for name in torch_like.__all__:
        assert getattr(classic, name) is getattr(torch_like, name)
