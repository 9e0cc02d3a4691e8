"""The ways in which convolutions go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.families.windows import (
    Windows,
    dense_windows,
    last_forgotten,
    misplaced,
    output_sizes,
    overwritten,
    swapped_options,
)
from rushlight.check.family import Hypothesis, Scene

__all__ = ["HYPOTHESES"]

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
SWAPPED = "window_axes_swapped"


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
    sides = zip(windows.size, windows.sides, strict=True)
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
    yield "kernel_flipped", w[::-1, ::-1]  # all axes, or the channels alone
    yield "kernel_flipped", w[::-1, ::-1, ::-1, ::-1]
    if w.shape[2] == w.shape[3]:
        yield "kernel_flipped", np.rot90(w, 1, (2, 3))
        yield "kernel_flipped", np.rot90(w, 3, (2, 3))
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
    for axes in ((0, 2, 3, 1), (1, 0, 2, 3), (1, 2, 3, 0)):
        yield scene.again(g=scene.g.transpose(axes).reshape(n, o, h, w))[name]
    if h == w:
        yield scene.again(g=scene.g.swapaxes(2, 3))[name]


def _only(array: Array, at: Any) -> Array:
    """Return an array of zeros but for one part."""
    part = np.zeros(array.shape)
    part[at] = array[at]
    return part


def _one_of_many(scene: Scene, name: str) -> Iterator[Any]:
    """`=` in a loop over samples, channels or windows: the last one is all that stays."""
    g, w = scene.g, scene.params["W"]
    if name in ("gradW", "gradb"):
        for last in (np.s_[-1], np.s_[:, :, -1, -1], np.s_[-1, :, -1, -1]):
            yield scene.again(g=_only(g, last))[name]
    if name == "output":
        for at in (np.s_[:, -1], np.s_[:, :, -1, -1], np.s_[:0]):  # of which the bias is left
            yield scene.again(params={**scene.params, "W": _only(w, at)})[name]
    if name == "gradInput":
        yield scene.again(g=_only(g, np.s_[:, -1]))[name]
        yield scene.again(params={**scene.params, "W": _only(w, np.s_[:, :, -1, -1])})[name]


def _first_of_many(scene: Scene, name: str) -> Iterator[Any]:
    """A loop that ends after the first sample or channel."""
    if name == "output":
        weights = _only(scene.params["W"], np.s_[:, 0])
        yield scene.again(params={**scene.params, "W": weights})[name]
        return
    for at in (np.s_[:1], np.s_[:, :1]):
        yield scene.again(g=_only(scene.g, at))[name]


def _bias_by_channel(scene: Scene, name: str) -> Any:
    """The bias is added in the loop over the input's channels."""
    channels = scene.x.shape[1]
    bias = scene.params["b"].reshape(-1, 1, 1)
    return scene.want[name] + (channels - 1) * bias, {"n": str(channels)}


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


def _same_by_half(scene: Scene, name: str) -> Iterator[Any]:
    """For an even kernel, 'same' pads alike on both sides: one window too many or too few."""
    windows = Windows.of(scene)
    if any(windows.odd):
        rows, columns = windows.sides
        for padding in zip(rows, columns, strict=True):  # what is before, or what is behind
            made = scene.again(padding=padding)[name]
            yield made, {"value": repr(scene.case.options["kernel_size"])}


def _same_at_front(scene: Scene, name: str) -> Any:
    """For an even kernel, the odd row and column of 'same' stand before the image."""
    windows = Windows.of(scene)
    (ph, pw), (oh, ow) = windows.padding, windows.odd
    x = np.pad(scene.x, ((0, 0), (0, 0), (ph + oh, ph), (pw + ow, pw)))
    return scene.again(x=x, padding=0)[name] if any(windows.odd) else None


def _no_bias(scene: Scene, name: str) -> Any:
    if scene.case.options.get("bias", True):
        raise ValueError
    return scene.want[name] + scene.params["b"].reshape(-1, 1, 1)


def _minus_bias(scene: Scene, name: str) -> Any:
    return scene.want[name] - 2.0 * scene.params["b"].reshape(-1, 1, 1)


def _means(power: int) -> Any:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        n, o, h, w = scene.g.shape
        base = scene.base.get(name, 0.0)
        for count in (n, h * w, n * h * w, o):
            yield (scene.want[name] - base) * float(count) ** power + base, {"n": str(count)}

    return predict


def _one_sum(scene: Scene, name: str) -> Array:
    """One sum for all channels."""
    return scene.base.get(name, 0.0) + np.full(scene.want[name].shape, scene.g.sum())


def _wrong_shapes(scene: Scene, name: str) -> Iterator[Any]:
    g = scene.g
    yield g.sum(axis=(0, 2, 3), keepdims=True)
    yield g.sum(axis=(0, 2, 3)).reshape(-1, 1)
    yield g.sum(axis=(0, 2, 3)).reshape(1, -1)
    yield np.asarray(g.sum())
    for axes in ((0,), (2, 3), (0, 2), (0, 3), (2,), (3,)):
        yield g.sum(axis=axes)


HYPOTHESES = (
    _with_weights("kernel_flipped"),
    _weights_made("kernel_flipped"),
    Hypothesis("kernel_flipped", ("gradW",), lambda s, n: s.again(g=s.g[:, :, ::-1, ::-1])[n]),
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
    Hypothesis("option_ignored", ("output",), dense_windows),
    Hypothesis("option_ignored", ("gradW",), _dense_weights),
    Hypothesis("bias_ignored", ("output",), _no_bias),
    Hypothesis("sign", ("output",), _minus_bias),
    Hypothesis("missing_term", (), _first_of_many),
    Hypothesis("times_n", ("output",), _bias_by_channel),
    Hypothesis("wrong_axis", ("gradb",), _one_sum),
    Hypothesis("divided_by_n", ("gradW", "gradb"), _means(-1)),
    Hypothesis("times_n", ("gradW", "gradb"), _means(1)),
    Hypothesis("wrong_shape", ("gradb",), _wrong_shapes),
    Hypothesis("output_size", ("output",), _same_by_half),
    Hypothesis("wrong_constant", ("output",), _same_at_front),
    Hypothesis("output_size", (), last_forgotten),
    Hypothesis("output_size", ("output",), output_sizes, late=True),
)
