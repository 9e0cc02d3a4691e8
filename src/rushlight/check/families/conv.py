"""Conv2d, in both dialects and all padding modes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.families.windows import (
    PADDING,
    STRIDE,
    Windows,
    kernel_argument,
    last_forgotten,
    misplaced,
    output_sizes,
    overwritten,
    swapped_options,
)
from rushlight.check.family import Argument, Case, Family, Field, Hypothesis, Scene
from rushlight.check.student import StudentError

__all__ = ["FAMILIES"]

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
BOTH = {"in_channels": 2, "out_channels": 4}
TORCH = ("torch_like",)

W = Field(
    "W",
    ("weight", "weights", "w", "kernel", "kernels", "filter", "filters"),
    "gradW",
    ("dW", "grad_weight", "grad_weights", "weight_grad", "W_grad", "grad_kernel"),
)
B = Field("b", ("bias", "biases"), "gradb", ("db", "grad_bias", "bias_grad", "b_grad"))


def _reference(dialect: str, **options: Any) -> Any:
    from rushlight.classic import practical_dl, torch_like

    if dialect == "practical_dl" and set(options) == {"in_channels", "out_channels", "kernel_size"}:
        return practical_dl.Conv2d(**options)
    return torch_like.Conv2d(**options)


def _dialect(subject: Any) -> str:
    """Options of torch's tell torch_like; else the size of the output tells."""
    base = {**BOTH, "kernel_size": 3}
    if subject.takes({**base, "padding": 0}):
        return "torch_like"
    case = subject.complete(Case(base, (1, 2, 5, 6)))
    try:
        size = np.shape(subject.student(case).forward(np.ones(case.shape)))[2:]
    except StudentError:
        return ""
    return {(5, 6): "practical_dl", (3, 4): "torch_like"}.get(size, "")


# --- cases


def _case(shape: tuple[int, ...], kernel: Any, check: str = "options", **more: Any) -> Case:
    about = {k: more.pop(k) for k in ("crash", "wrong", "optional", "dialects") if k in more}
    about.setdefault("dialects", TORCH)
    return Case({**BOTH, "kernel_size": kernel, **more}, shape, check=check, **about)


NOT_BACK = {"gradInput": "padding_not_shifted_back"}
SWAPPED = "window_axes_swapped"


def _mode(mode: str) -> tuple[Case, ...]:
    folded = {"gradInput": "border_not_folded", "gradW": "padding_mode_ignored"}
    wrong = {**folded, "output": "padding_mode_ignored"}
    plain = _case(
        (2, 2, 5, 6), 3, "padding", padding=1, padding_mode=mode, wrong=wrong, optional=True
    )
    wide = _case(
        (2, 2, 6, 5),
        (5, 3),
        "padding",
        padding=(2, 1),
        stride=(1, 2),
        padding_mode=mode,
        wrong=wrong,
        optional=True,
    )
    return plain, wide


CASES = (
    Case({**BOTH, "kernel_size": 3}, (3, 2, 7, 8)),
    Case({**BOTH, "kernel_size": 1}, (2, 2, 3, 4), check="options"),
    Case({**BOTH, "kernel_size": 5}, (2, 2, 7, 6), check="options"),
    _case((2, 2, 7, 9), 3, stride=2),
    _case((2, 2, 6, 8), 3, stride=2),  # the last row and column belong to no window
    _case((2, 2, 4, 5), 3, "padding", padding=1, wrong=NOT_BACK, crash=NOT_BACK),
    _case((2, 2, 5, 7), 3, "padding", padding=2, stride=2, wrong=NOT_BACK, crash=NOT_BACK),
    _case((2, 2, 4, 7), (3, 5), "non_square", crash=SWAPPED, wrong=SWAPPED, optional=True),
    _case(
        (2, 2, 6, 7),
        (5, 3),
        "non_square",
        stride=(1, 2),
        padding=(1, 0),
        crash=SWAPPED,
        wrong=SWAPPED,
        optional=True,
    ),
    _case((2, 2, 5, 6), 3, "padding", padding="same", optional=True),
    _case((2, 2, 5, 4), (5, 3), "padding", padding="same", optional=True),
    _case((2, 2, 5, 6), 3, "padding", padding="valid", optional=True),
    *_mode("reflect"),
    *_mode("replicate"),
    *_mode("circular"),
    _case((2, 2, 5, 6), 3, bias=False),
)


# --- hypotheses


def _parts(scene: Scene) -> Array:
    return np.einsum("nohw,ocij->nchwij", scene.g, scene.params["W"])


def _modes(scene: Scene, name: str) -> Iterator[Any]:
    """The padding has other values: those of another mode, or a mirror that repeats the edge."""
    padding = scene.case.options.get("padding", "same")
    own = scene.case.options.get("padding_mode", "zeros")
    details = {"option": "padding_mode", "value": repr(own)}
    kernel = scene.case.options["kernel_size"]
    for mode in MODES:
        if mode != own and (mode, name) != ("zeros", "gradInput"):  # that is a border not folded
            options = {"padding": padding, "padding_mode": mode, "kernel_size": kernel}
            yield scene.again(**options)[name], details
    windows = Windows.of(scene)
    if name == "gradInput":
        yield _fold_both(scene, windows, "symmetric"), details
    else:
        x = windows.pad(scene.x, "symmetric")
        made = scene.again(x=x, padding=0, padding_mode="zeros", dialect="torch_like")
        yield made[name], details


def _copies(windows: Windows, mode: str) -> list[Array]:
    """Return, for rows and columns, which cell of the image each cell of the padded one copies."""
    sides = zip(windows.size, windows.padding, strict=True)
    return [np.eye(n)[np.pad(np.arange(n), p, mode=mode)] for n, p in sides]  # type: ignore[call-overload]


def _fold_both(scene: Scene, windows: Windows, mode: str) -> Array:
    plane = windows.fold(_parts(scene))
    return np.einsum("nchw,hi,wj->ncij", plane, *_copies(windows, mode))


def _border(scene: Scene, name: str) -> Iterator[Array]:
    """The border of the padded gradient is cut off, or folded back in part."""
    windows, own = Windows.of(scene), scene.case.options.get("padding_mode", "zeros")
    if own == "zeros" or not any(windows.padding):
        return
    plane = windows.fold(_parts(scene))
    yield plane
    yield windows.crop(plane)
    rows, columns = _copies(windows, MODES[own])
    (ph, pw), (h, w) = windows.padding, windows.size
    by_rows = np.einsum("nchw,hi->nciw", plane, rows)[..., pw : pw + w]
    by_columns = np.einsum("nchw,wj->nchj", plane, columns)[:, :, ph : ph + h]
    yield by_rows
    yield by_columns
    yield by_rows + by_columns - windows.crop(plane)  # the corners are left out


def _other_weights(scene: Scene, name: str) -> Iterator[tuple[str, Array]]:
    w = scene.params["W"]
    yield "kernel_flipped", w[:, :, ::-1, ::-1]
    yield "kernel_flipped", w[:, :, ::-1]
    yield "kernel_flipped", w[..., ::-1]
    if w.shape[2] == w.shape[3]:
        yield SWAPPED, w.swapaxes(2, 3)
        yield SWAPPED, w.swapaxes(2, 3)[:, :, ::-1, ::-1]
    n, c, kh, kw = w.shape
    yield SWAPPED, w.reshape(n, kh, kw, c).transpose(0, 3, 1, 2)
    yield SWAPPED, w.transpose(0, 2, 3, 1).reshape(w.shape)
    yield SWAPPED, w.reshape(c, kh, kw, n).transpose(3, 0, 1, 2)
    yield "transposed", w.reshape(c, n, kh, kw).swapaxes(0, 1)


def _with_weights(cause: str) -> Hypothesis:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        for one, w in _other_weights(scene, name):
            if one == cause:
                yield scene.again(params={**scene.params, "W": w})[name]

    return Hypothesis(cause, ("output", "gradInput"), predict)


def _weights_made(cause: str) -> Hypothesis:
    """The gradient of the weights is right, but laid out like other weights."""

    def predict(scene: Scene, name: str) -> Iterator[Any]:
        base = scene.base.get(name, 0.0)
        alone = {**scene.params, "W": scene.want[name] - base}
        for one, w in _other_weights(Scene(**{**vars(scene), "params": alone}), name):
            if one == cause:
                yield w + base
        if cause == "transposed":
            yield (scene.want[name] - base).swapaxes(0, 1) + base

    return Hypothesis(cause, ("gradW",), predict)


def _reshaped_output(scene: Scene, name: str) -> Iterator[Array]:
    want = scene.want[name]
    yield want.transpose(0, 2, 3, 1).reshape(want.shape)
    yield want.transpose(1, 0, 2, 3).reshape(want.shape)
    yield want.transpose(1, 2, 3, 0).reshape(want.shape)
    yield want.transpose(0, 2, 3, 1)


def _reshaped_upstream(scene: Scene, name: str) -> Iterator[Any]:
    n, o, h, w = scene.g.shape
    yield scene.again(g=scene.g.reshape(n, h, w, o).transpose(0, 3, 1, 2))[name]
    yield scene.again(g=scene.g.reshape(o, n, h, w).swapaxes(0, 1))[name]
    if h == w:
        yield scene.again(g=scene.g.swapaxes(2, 3))[name]


def _one_of_many(scene: Scene, name: str) -> Iterator[Any]:
    """`=` in a loop over samples, channels or windows: the last one is all that stays."""
    g, w = scene.g, scene.params["W"]
    masks = [np.zeros(g.shape) for _ in range(3)]
    masks[0][-1] = masks[1][:, :, -1, -1] = masks[2][-1, :, -1, -1] = 1.0
    if name in ("gradW", "gradb"):
        for mask in masks:
            yield scene.again(g=g * mask)[name]
    if name == "output":
        last = np.zeros(w.shape)
        last[:, -1] = 1.0
        yield scene.again(params={**scene.params, "W": w * last})[name]
    if name == "gradInput":
        last = np.zeros(g.shape)
        last[:, -1] = 1.0
        yield scene.again(g=g * last)[name]


def _last_filter(scene: Scene) -> Array:
    return np.einsum("nhw,cij->nchwij", scene.g[:, -1], scene.params["W"][-1])


def _dense_weights(scene: Scene, name: str) -> Iterator[Any]:
    """The gradient of the weights takes windows side by side, whatever the stride."""
    own = Windows.of(scene)
    if own.stride == (1, 1):
        return
    size = [n - 1 + k for n, k in zip(own.count, own.kernel, strict=True)]
    x = own.pad(scene.x)[:, :, : size[0], : size[1]]
    made = scene.again(x=x, stride=1, padding=0, padding_mode="zeros", dialect="torch_like")
    yield made[name], {"option": "stride", "value": repr(scene.case.options["stride"])}


def _no_bias(scene: Scene, name: str) -> Any:
    if scene.case.options.get("bias", True):
        raise ValueError
    return scene.want[name] + scene.params["b"].reshape(-1, 1, 1)


def _means(power: int) -> Any:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        n, o, h, w = scene.g.shape
        base = scene.base.get(name, 0.0)
        for count in (n, h * w, n * h * w, o):
            yield (scene.want[name] - base) * float(count) ** power + base, {"n": str(count)}

    return predict


def _wrong_shapes(scene: Scene, name: str) -> Iterator[Any]:
    g = scene.g
    yield g.sum(axis=(0, 2, 3), keepdims=True)
    yield g.sum(axis=(0, 2, 3)).reshape(-1, 1)
    yield g.sum(axis=(0, 2, 3)).reshape(1, -1)
    yield np.asarray(g.sum())
    for axes in ((0,), (2, 3), (0, 2), (0, 3), (2,), (3,)):
        yield g.sum(axis=axes)


CONV2D = Family(
    name="Conv2d",
    others=("Convolution2d", "Conv", "ConvLayer", "Convolution", "SpatialConvolution"),
    reference=_reference,
    dialect=_dialect,
    arguments=(
        Argument(
            "in_channels",
            (
                "in_ch",
                "c_in",
                "cin",
                "n_in",
                "input_channels",
                "in_c",
                "num_in",
                "inp",
                "in_features",
                "channels_in",
            ),
            required=True,
        ),
        Argument(
            "out_channels",
            (
                "out_ch",
                "c_out",
                "cout",
                "n_out",
                "output_channels",
                "out_c",
                "num_out",
                "out",
                "num_filters",
                "n_filters",
                "filters",
                "out_features",
                "channels_out",
            ),
            required=True,
        ),
        kernel_argument(),
        STRIDE,
        PADDING,
        Argument(
            "bias",
            ("use_bias", "with_bias", "has_bias"),
            state=lambda options, default: None if default is True else True,
        ),
        Argument(
            "padding_mode", ("pad_mode", "mode"), fits=lambda value, default: default == "zeros"
        ),
    ),
    fields=(W, B),
    cases=CASES,
    hypotheses=(
        _with_weights("kernel_flipped"),
        _weights_made("kernel_flipped"),
        overwritten(_parts),
        overwritten(_last_filter),
        Hypothesis("padding_mode_ignored", ("output", "gradInput", "gradW"), _modes),
        Hypothesis("border_not_folded", ("gradInput",), _border),
        *misplaced(_parts),
        _with_weights(SWAPPED),
        _weights_made(SWAPPED),
        Hypothesis(SWAPPED, ("output", "gradInput", "gradW"), swapped_options),
        Hypothesis(SWAPPED, ("output",), _reshaped_output),
        Hypothesis(SWAPPED, ("gradInput", "gradW", "gradb"), _reshaped_upstream),
        _with_weights("transposed"),
        _weights_made("transposed"),
        Hypothesis("overwritten", (), _one_of_many),
        Hypothesis("option_ignored", ("gradW",), _dense_weights),
        Hypothesis("bias_ignored", ("output",), _no_bias),
        Hypothesis("divided_by_n", ("gradW", "gradb"), _means(-1)),
        Hypothesis("times_n", ("gradW", "gradb"), _means(1)),
        Hypothesis("wrong_shape", ("gradb",), _wrong_shapes),
        Hypothesis("output_size", (), last_forgotten),
        Hypothesis("output_size", ("output",), output_sizes, late=True),
    ),
    torch_names=("Conv2d", "conv2d", "conv_transpose2d", "conv2d_input", "conv2d_weight"),
)
FAMILIES = (CONV2D,)
