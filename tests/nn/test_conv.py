"""Convolution and pooling layers: options, errors and the layout of what flows through a net."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import nn
from rushlight.arrays import is_channels_last
from rushlight.nn import functional as F

X = rl.tensor(normal(2, 3, 8, 8))
W = rl.tensor(normal(4, 3, 3, 3))
V = rl.tensor(normal(3, 4, 3, 3))


# ---- layout


def test_a_net_keeps_images_channels_last():
    rl.manual_seed(0)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(6, 6, 3, padding=1, padding_mode="reflect", bias=False)
            self.norm = nn.BatchNorm2d(6)
            self.drop = nn.Dropout(0.3)

        def forward(self, x):
            return x + self.drop(rl.relu(self.norm(self.conv(x))))

    layers = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=1, padding="same"),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.2),
        Block(),
        nn.AvgPool2d(3, 2, 1),
        nn.Conv2d(6, 6, 3, padding=1, groups=6),
        nn.AdaptiveAvgPool2d(3),
        nn.AdaptiveMaxPool2d(2),
    )
    x = rl.tensor(normal(4, 3, 16, 12), dtype="float32", requires_grad=True)
    seen = {}
    x.register_hook(lambda g: seen.update(input=is_channels_last(g._array)))
    y = x
    for i, layer in enumerate(layers):
        y = layer(y)
        assert is_channels_last(y._array), layer
        if i < len(layers) - 1:  # what arrives at the last output is the cotangent below
            y.register_hook(lambda g, i=i: seen.update({i: is_channels_last(g._array)}))
    (y * rl.tensor(normal(*y.shape), dtype="float32")).sum().backward()
    assert len(seen) == len(layers) and all(seen.values()), seen
    assert all(p.grad._array.flags.c_contiguous for p in layers.parameters())


def test_arrays_that_leave_are_c_ordered():
    y = F.conv2d(X, W)
    assert is_channels_last(y._array) and y.numpy().flags.c_contiguous
    x = X.detach().clone().requires_grad_()
    F.max_pool2d(F.conv2d(x, W), 2).sum().backward()
    assert x.grad.numpy().flags.c_contiguous


# ---- options


@pytest.mark.parametrize(("size", "kernel", "dilation"), [((7, 8), (4, 2), (1, 3)), ((5, 5), 2, 1)])
def test_odd_same_padding_goes_behind(size, kernel, dilation):
    torch = pytest.importorskip("torch")
    ours = nn.Conv2d(3, 2, kernel, padding="same", dilation=dilation).double()
    theirs = torch.nn.Conv2d(3, 2, kernel, padding="same", dilation=dilation).double()
    theirs.load_state_dict(
        {k: torch.tensor(v.detach().numpy()) for k, v in ours.state_dict().items()}
    )
    x = normal(2, 3, *size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of a copy
        right = theirs(torch.tensor(x)).detach().numpy()
    assert right.shape[2:] == size
    np.testing.assert_allclose(ours(rl.tensor(x)).detach().numpy(), right, 1e-10, 1e-12)


def test_one_int_in_a_sequence_serves_all_dims():
    want = F.conv2d(X, W, None, (2, 2), (1, 1)).numpy()
    assert (F.conv2d(X, W, None, [2], (1,)).numpy() == want).all()
    assert F.max_pool2d(X, [2], ()).shape == F.max_pool2d(X, 2, []).shape == (2, 3, 4, 4)


def test_attributes_are_torchs():
    torch = pytest.importorskip("torch")
    names = [
        *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation"),
        *("transposed", "output_padding", "groups", "padding_mode"),
        "_reversed_padding_repeated_twice",
    ]
    for args, options in [
        ((4, 6, 3), {}),
        ((4, 6, (3, 2), 2, (1, 0), 1, 2, False, "reflect"), {}),
        ((4, 6, (4, 3)), {"padding": "same", "dilation": (1, 2)}),
        ((4, 6, 3), {"padding": "valid"}),
    ]:
        ours, theirs = nn.Conv2d(*args, **options), torch.nn.Conv2d(*args, **options)
        for name in names:
            a, b = getattr(ours, name), getattr(theirs, name)
            assert (tuple(a), tuple(b)) if isinstance(b, (list, tuple)) else (a == b), name


def test_attributes_of_a_transposed_layer_are_torchs():
    torch = pytest.importorskip("torch")
    args = (4, 6, (3, 2), 2, (1, 0), 1, 2, False, 3)
    ours, theirs = nn.ConvTranspose2d(*args), torch.nn.ConvTranspose2d(*args)
    for name, value in theirs.__dict__.items():
        if name != "training" and not name.startswith("_"):
            assert getattr(ours, name) == value, name


@pytest.mark.parametrize("given", [(8, 11), [2, 4, 8, 11], (7, 10), (4, 8, 12)])
def test_output_size_of_a_transposed_layer(given):
    torch = pytest.importorskip("torch")
    options = {"stride": (2, 3), "padding": 1}
    ours, theirs = (
        nn.ConvTranspose2d(3, 4, 3, **options),
        torch.nn.ConvTranspose2d(3, 4, 3, **options),
    )
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = normal(*(3, 4, 4) if len(given) == 3 else (2, 3, 4, 4)).astype("f4")
    right = theirs(torch.tensor(x), output_size=given).detach().numpy()
    found = ours(rl.tensor(x), output_size=given).detach().numpy()
    np.testing.assert_allclose(found, right, 1e-5, 1e-6)


def test_a_layer_undoes_the_size_of_a_convolution():
    down, up = nn.Conv1d(2, 3, 3, stride=4), nn.ConvTranspose1d(3, 2, 3, stride=4)
    for n in range(3, 12):
        x = rl.ones(1, 2, n)
        assert up(down(x), output_size=x.size()).shape == x.shape


def test_conv_tbc_equals_torch():
    torch = pytest.importorskip("torch")
    for pad in (-1, 0, 2):
        arrays = normal(6, 2, 3), normal(3, 3, 4, seed=1), normal(4, seed=2)
        ours = F.conv_tbc(*map(rl.tensor, arrays), pad)
        theirs = torch.nn.functional.conv_tbc(*map(torch.tensor, arrays), pad)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-10, 1e-12)


def test_dtype_of_the_parameters():
    layer = nn.Conv1d(2, 3, 3, dtype="float64", device="cpu")
    assert layer.weight.dtype == layer.bias.dtype == rl.float64


# ---- errors


def _function(name, *args, x=X, **options):
    return lambda: getattr(F, name)(x, *args, **options)


def _layer(name, *args, **options):
    return lambda: getattr(nn, name)(*args, **options)


def _sized(output_size):
    return lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, dtype=X.dtype)(X, output_size)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (_function("conv2d", W, stride=0), RuntimeError, "stride=0, expected 1 or 2 ints >= 1"),
        (_function("conv2d", W, stride=(1, 1, 1)), RuntimeError, "1 or 2 ints"),
        (_function("conv2d", W, padding=-1), RuntimeError, "padding=-1.*>= 0"),
        (_function("conv2d", W, dilation=0), RuntimeError, "dilation=0"),
        (_function("conv2d", W, groups=0), RuntimeError, "groups=0"),
        (_function("conv2d", W, padding="same", stride=2), RuntimeError, "stride 1; give the"),
        (_function("conv2d", W, padding="foo"), RuntimeError, "'same' or 'valid'"),
        (_function("conv2d", W, stride=1.5), TypeError, "stride=1.5, expected ints"),
        (_function("conv2d", W[0]), RuntimeError, "weight with 1 kernel dims"),
        (_function("conv2d", W, x=X[0, 0]), RuntimeError, r"got input \(8, 8\).*4 dims.*or 3"),
        (_function("conv1d", W[..., 0]), RuntimeError, "conv1d: got input.*3 dims"),
        (_function("max_pool2d", 9), RuntimeError, r"planes \(8, 8\).*at least 1 cell"),
        (_function("max_pool2d", 3, padding=2), RuntimeError, "at most half of the kernel"),
        (_function("max_pool2d", 3, padding=-1), RuntimeError, "padding=-1"),
        (_function("max_pool2d", 0), RuntimeError, "kernel_size=0"),
        (_function("max_pool2d", 2, 0), RuntimeError, "stride=0"),
        (_function("max_pool2d", 2, dilation=0), RuntimeError, "dilation=0"),
        (_function("max_pool2d", (2, 2, 2)), RuntimeError, "1 or 2 ints"),
        (_function("max_pool2d", 2.0), TypeError, "kernel_size=2.0"),
        (_function("max_pool1d", 2), RuntimeError, "max_pool1d: got input.*3 dims"),
        (_function("max_pool3d", 2, x=X[0]), RuntimeError, "max_pool3d"),
        (_function("max_pool2d", 2, x=X[:, :0]), RuntimeError, "size 0"),
        (_function("avg_pool2d", 2, divisor_override=0), RuntimeError, "divisor_override=0"),
        (_function("avg_pool2d", 2, divisor_override=2.5), TypeError, "divisor_override=2.5"),
        (_function("avg_pool2d", 2, divisor_override=True), TypeError, "divisor_override=True"),
        (_function("avg_pool2d", 3, padding=2), RuntimeError, "avg_pool2d: .*half of the kernel"),
        (_function("avg_pool2d", 9), RuntimeError, "avg_pool2d"),
        (_function("adaptive_avg_pool2d", -1), RuntimeError, "output_size"),
        (_function("adaptive_avg_pool2d", (3, 3, 3)), RuntimeError, "2 ints or None"),
        (_function("adaptive_avg_pool2d", None), TypeError, "output_size=None"),
        (_function("adaptive_max_pool1d", (None,), x=X[0]), TypeError, "expected 1 ints"),
        (_function("adaptive_max_pool2d", 2, x=X[0, 0]), RuntimeError, "adaptive_max_pool2d"),
        (_function("conv_transpose2d", V, stride=0), RuntimeError, "stride=0, expected 1 or 2"),
        (_function("conv_transpose2d", V, padding=-1), RuntimeError, "padding=-1.*>= 0"),
        (_function("conv_transpose2d", V, padding="same"), TypeError, "padding='same'"),
        (_function("conv_transpose2d", V, output_padding=-1), RuntimeError, "output_padding=-1"),
        (
            _function("conv_transpose2d", V, output_padding=1),
            RuntimeError,
            "smaller than stride or",
        ),
        (
            _function("conv_transpose2d", V, stride=(2, 1), output_padding=(0, 1)),
            RuntimeError,
            r"conv_transpose2d: got output_padding \(0, 1\) with stride \(2, 1\)",
        ),
        (_function("conv_transpose2d", V, groups=0), RuntimeError, "groups=0"),
        (_function("conv_transpose2d", W), RuntimeError, "4 channels in dim 1"),
        (_function("conv_transpose2d", V, padding=6), RuntimeError, "at least 1 cell; pad less"),
        (_function("conv_transpose1d", V[..., 0]), RuntimeError, "conv_transpose1d: .*3 dims"),
        (_function("conv_transpose2d", V[0]), RuntimeError, "weight with 1 kernel dims"),
        (_function("conv_tbc", W[0], W[0, 0, 0]), RuntimeError, "conv_tbc: got input.*3 dims"),
        (_layer("ConvTranspose2d", 3, 4, 3, padding_mode="reflect"), ValueError, "the only one"),
        (_layer("ConvTranspose2d", 3, 4, 3, padding="same"), TypeError, "padding='same'"),
        (_layer("ConvTranspose2d", 3, 4, 3, output_padding=-1), RuntimeError, "output_padding=-1"),
        (_sized([1, 2, 3]), ValueError, r"\[1, 2, 3\], expected 2 sizes, or 4"),
        (
            _sized([10, 20]),
            ValueError,
            r"from \(17, 17\) to \(18, 18\) for an input \(2, 3, 8, 8\)",
        ),
        (_sized(9), TypeError, "output_size=9, expected a sequence"),
        (_layer("Conv2d", 3, 4, 3, groups=2), ValueError, "in_channels divisible by groups"),
        (_layer("Conv2d", 4, 3, 3, groups=2), ValueError, "out_channels divisible by groups"),
        (_layer("Conv2d", 4, 4, 3, groups=0), ValueError, "a positive int"),
        (_layer("Conv2d", 4, 4, 3, padding="s"), ValueError, "'same' or 'valid'"),
        (_layer("Conv2d", 4, 4, 3, padding="same", stride=2), ValueError, "stride 1"),
        (_layer("Conv2d", 4, 4, 3, padding_mode="s"), ValueError, "padding_mode='s'.*'circular'"),
        (_layer("Conv2d", 4, 4, (3, 3, 3)), RuntimeError, "Conv2d: got kernel_size"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_an_error_names_the_module():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(5, 2, 3))
    with pytest.raises(RuntimeError, match="set in_channels to 4") as caught:
        net(X.float())
    assert re.search(r"Sequential\[2\] Conv2d\(5, 2", "\n".join(caught.value.__notes__))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: F.conv2d(X.numpy(), W), "conv2d: got an argument of type ndarray"),
        (lambda: F.conv2d(X, [1.0]), "conv2d: got an argument of type list"),
        (lambda: nn.Conv2d(3, 4, 3)(X.numpy()), "conv2d: got an argument of type ndarray"),
        (lambda: F.conv_transpose2d(X.numpy(), V), "conv_transpose2d: got an argument of type nd"),
        (lambda: F.conv_tbc(rl.zeros(5, 1, 2), rl.zeros(3, 2, 4), None), "of type NoneType"),
        (lambda: F.pad(X.numpy(), (1, 1)), "pad: got an argument of type ndarray"),
        (lambda: F.pad(X, 1), "pad: got widths 1, expected a sequence"),
        (lambda: nn.Conv2d(3.0, 4, 3), "Conv2d: got in_channels=3.0, expected an int"),
        (lambda: nn.ConvTranspose1d(3, "4", 3), "ConvTranspose1d: got out_channels='4'"),
        (lambda: nn.Conv2d(4, 4, 3, groups=2.0), "Conv2d: got groups=2.0, expected an int"),
    ],
)
def test_other_types_are_named(call, match):
    with pytest.raises(TypeError, match=re.escape(match)):
        call()


def test_groups_that_are_no_int_leave_no_trace():
    x, w = rl.tensor(normal(1, 4, 7, 6)), rl.tensor(normal(8, 2, 3, 2))
    for _ in range(2):  # the options of a call are kept, and 2.0 == 2
        with pytest.raises(TypeError, match=r"groups=2\.0"):
            F.conv2d(x, w, groups=2.0)
    assert F.conv2d(x, w, groups=2).shape == (1, 8, 5, 5)


def test_a_float_is_refused_after_the_same_int_too() -> None:
    x = rl.zeros(1, 4, 4)
    nn.functional.max_pool2d(x, 2)
    with pytest.raises(TypeError, match=r"kernel_size=2\.0"):
        nn.functional.max_pool2d(x, 2.0)  # type: ignore[arg-type]
