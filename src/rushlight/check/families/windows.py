"""Windows over an image, and the ways in which gradients are put back into them wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rushlight.arrays import Array
from rushlight.check.family import Argument, Hypothesis, Scene
from rushlight.random import Generator

__all__ = [
    "PADDING",
    "STRIDE",
    "Windows",
    "dense_windows",
    "kernel_argument",
    "last_forgotten",
    "misplaced",
    "negative",
    "output_sizes",
    "overwritten",
    "pair",
    "rectified",
    "searched_from",
    "swapped_options",
]

Parts = Callable[[Scene], Array]  # (N, C, oh, ow, kh, kw): what each window adds to its cells
_PAIRS = ("kernel_size", "stride", "padding")


def pair(value: Any) -> tuple[int, int]:
    """Return an int or a pair as a pair."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


@dataclass(frozen=True)
class Windows:
    """Where the windows of a scene lie.

    Args:
        size: rows and columns of the image.
        kernel, stride, padding: in rows and columns.
        odd: how much more padding there is at the end: of 1 if 'same' needs an odd number.
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    odd: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, scene: Scene) -> Windows:
        """Return the windows that the options of a scene mean in its dialect."""
        options, convolution = scene.case.options, scene.family.name == "Conv2d"
        kernel = pair(options["kernel_size"])
        stride = pair(options.get("stride") or (1 if convolution else kernel))
        same = "same" if convolution and scene.dialect == "practical_dl" else 0
        padding = options.get("padding", same)
        odd = (0, 0)
        if padding == "same":
            padding = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
            odd = (kernel[0] + 1) % 2, (kernel[1] + 1) % 2
        padding = 0 if padding == "valid" else padding
        return cls(scene.x.shape[2:], kernel, stride, pair(padding), odd)

    @property
    def count(self) -> tuple[int, int]:
        """How many rows and columns of windows there are."""
        h, w = (
            (n - k) // s + 1 for n, k, s in zip(self.plane, self.kernel, self.stride, strict=True)
        )
        return h, w

    @property
    def plane(self) -> tuple[int, int]:
        """The size of the padded image."""
        (h, w), sides = self.size, self.sides
        return h + sum(sides[0]), w + sum(sides[1])

    @property
    def sides(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The padding before and behind the rows, and the columns."""
        (ph, pw), (oh, ow) = self.padding, self.odd
        return (ph, ph + oh), (pw, pw + ow)

    def pad(self, x: Array, mode: str = "constant", **fill: float) -> Array:
        """Return the padded image."""
        return np.pad(x, ((0, 0), (0, 0), *self.sides), mode=mode, **fill)  # type: ignore[call-overload]

    def cut(self, x: Array, fill: float = 0.0) -> Array:
        """Return the windows of an image, (N, C, oh, ow, kh, kw)."""
        views = sliding_window_view(self.pad(x, constant_values=fill), self.kernel, axis=(2, 3))
        return views[:, :, :: self.stride[0], :: self.stride[1]]

    def fold(self, parts: Array) -> Array:
        """Return the padded image to whose cells the parts of the windows are added.

        Parts of other windows may be given: what they add outside of the image is lost.
        """
        plane = np.zeros((*parts.shape[:2], *self.plane))
        for i, j in product(*map(range, parts.shape[2:4])):
            inside = plane[self._at(i, j)]
            inside += parts[:, :, i, j, : inside.shape[2], : inside.shape[3]]
        return plane

    def overwrite(self, parts: Array) -> Iterator[Array]:
        """Give the padded images that `=` in the place of `+=` makes, in the usual orders."""
        (oh, ow), (kh, kw), (sh, sw) = self.count, self.kernel, self.stride
        by_rows = list(product(range(oh), range(ow)))
        for order in (by_rows, sorted(by_rows, key=lambda at: at[::-1])):
            plane = np.zeros((*parts.shape[:2], *self.plane))
            for i, j in order:
                plane[self._at(i, j)] = parts[:, :, i, j]
            yield plane
        plane = np.zeros((*parts.shape[:2], *self.plane))
        for p, q in product(range(kh), range(kw)):
            plane[:, :, p : p + sh * oh : sh, q : q + sw * ow : sw] = parts[..., p, q]
        yield plane

    def _at(self, i: int, j: int) -> tuple[Any, ...]:
        top, left = i * self.stride[0], j * self.stride[1]
        return ..., slice(top, top + self.kernel[0]), slice(left, left + self.kernel[1])

    def crop(self, plane: Array, top: int | None = None, left: int | None = None) -> Array:
        """Return the image inside its padding, or the cut that begins elsewhere."""
        top = self.padding[0] if top is None else top
        left = self.padding[1] if left is None else left
        cut = np.zeros((*plane.shape[:2], *self.size))
        inside = plane[:, :, top : top + self.size[0], left : left + self.size[1]]
        cut[:, :, : inside.shape[2], : inside.shape[3]] = inside
        return cut


# --- hypotheses that convolutions and pools share


def overwritten(parts: Parts) -> Hypothesis:
    """`=` for `+=` where windows overlap."""

    def predict(scene: Scene, name: str) -> Iterator[Array]:
        windows = Windows.of(scene)
        for plane in windows.overwrite(parts(scene)):
            yield windows.crop(plane)

    return Hypothesis("overlap_overwritten", ("gradInput",), predict)


def misplaced(parts: Parts) -> tuple[Hypothesis, ...]:
    """The gradient of the padded image is not cut, cut elsewhere, or put at other windows."""

    def shifted(scene: Scene, name: str) -> Iterator[Array]:
        windows = Windows.of(scene)
        ph, pw = windows.padding
        if windows.plane != windows.size:
            plane = windows.fold(parts(scene))
            yield plane
            for top, left in product({0, ph, 2 * ph}, {0, pw, 2 * pw}):
                if (top, left) != (ph, pw):
                    yield windows.crop(plane, top, left)

    def uncut(scene: Scene, name: str) -> Any:
        windows, got = Windows.of(scene), np.asarray(scene.got[name])
        whole = windows.plane != windows.size and got.shape[2:] == windows.plane
        return got if whole or got.size == 0 else None  # [p:-p] leaves nothing where p is 0

    def dense(scene: Scene, name: str) -> Iterator[Any]:
        own = Windows.of(scene)
        details = {"option": "stride", "value": repr(scene.case.options.get("stride"))}
        for stride in {(1, 1), own.kernel} - {own.stride}:
            windows = replace(own, stride=stride)
            yield windows.crop(windows.fold(parts(scene))), details

    def reshaped(scene: Scene, name: str) -> Iterator[Array]:
        big = parts(scene)  # (N, C, oh, ow, kh, kw)
        yield big.reshape(scene.x.shape)
        yield big.transpose(0, 1, 4, 2, 5, 3).reshape(scene.x.shape)
        yield big.transpose(0, 1, 2, 5, 3, 4).reshape(scene.x.shape)

    def turned(scene: Scene, name: str) -> Array:
        windows = Windows.of(scene)
        return windows.crop(windows.fold(parts(scene).swapaxes(-1, -2)))

    return (
        Hypothesis("padding_not_shifted_back", ("gradInput",), shifted),
        Hypothesis("padding_not_shifted_back", ("gradInput",), uncut, late=True),
        Hypothesis("option_ignored", ("gradInput",), dense),
        Hypothesis("window_axes_swapped", ("gradInput",), reshaped),
        Hypothesis("window_axes_swapped", ("gradInput",), turned),
    )


def swapped_options(scene: Scene, name: str) -> Iterator[Any]:
    """Give what rows and columns of kernel, stride and padding, mixed up, would make."""
    pairs = {k: pair(scene.case.options[k]) for k in _PAIRS if _uneven(scene, k)}
    if scene.case.options.get("padding") == "same" and not any(Windows.of(scene).odd):
        pairs["padding"] = Windows.of(scene).padding
    mixed = [[v[::-1], (v[0], v[0]), (v[1], v[1]), v] for v in pairs.values()]
    for chosen in product(*mixed):
        options = dict(zip(pairs, chosen, strict=True))
        if options != pairs:
            try:
                made = scene.again(**options).get(name)
            except Exception:
                continue
            yield made
            if made is not None and name == "output":
                yield made.swapaxes(2, 3)
    value = np.asarray(scene.want[name] if name == "output" else scene.g)
    n, c, h, w = value.shape
    by_columns = value.swapaxes(2, 3).reshape(value.shape), value.reshape(n, c, w, h).swapaxes(2, 3)
    if name == "output":
        yield value.swapaxes(2, 3)
        yield value.reshape(n, c, w, h)
    for made in by_columns:  # windows in the order of columns, or taken to be
        yield made if name == "output" else scene.again(g=made).get(name)


def _uneven(scene: Scene, option: str) -> bool:
    value = scene.case.options.get(option)
    return isinstance(value, tuple) and value[0] != value[1]


def dense_windows(scene: Scene, name: str) -> Iterator[Any]:
    """Windows lie side by side, whatever the stride: all of them, or as many as should be."""
    details = {"option": "stride", "value": repr(scene.case.options.get("stride"))}
    rows, columns = scene.g.shape[2:]
    dense = scene.again(stride=1)["output"]
    yield dense, details
    yield dense[:, :, :rows, :columns], details


def last_forgotten(scene: Scene, name: str) -> Iterator[Any]:
    """Give what is left when the last row or column of windows is never reached."""
    for rows, columns in ((-1, -1), (-1, None), (None, -1)):
        reached = np.zeros(scene.g.shape)
        reached[:, :, :rows, :columns] = 1.0
        if name == "output":
            yield scene.want[name] * reached
            bias = scene.params.get("b", np.zeros(scene.g.shape[1])).reshape(-1, 1, 1)
            yield np.where(reached > 0, scene.want[name], bias)
        else:
            yield scene.again(g=scene.g * reached)[name]


def searched_from(scene: Scene, name: str) -> Iterator[Any]:
    """Give what a search for the maximum finds that begins at a number, such as 0."""
    got, want = np.asarray(scene.got[name]), np.asarray(scene.want[name])
    if got.shape == want.shape and (got > want).any():
        start = float(got[got > want].max())
        yield np.maximum(want, start), {"value": f"{start:.6g}"}


def output_sizes(scene: Scene, name: str) -> Iterator[Any]:
    """Give any output with the right samples and channels and a wrong number of windows."""
    got, want = np.asarray(scene.got[name]), np.asarray(scene.want[name])
    if got.ndim == 4 and got.shape[:2] == want.shape[:2] and got.shape[2:] != want.shape[2:]:
        yield got


# --- inputs and arguments


def negative(source: Generator, shape: tuple[int, ...]) -> Array:
    """Numbers far below zero: zeros or another small number around the image win."""
    return -1e3 * (0.5 + np.abs(source.normal(shape)))


def rectified(source: Generator, shape: tuple[int, ...]) -> Array:
    """What a ReLU leaves: many windows have several maxima, most of them 0."""
    return np.maximum(np.round(source.normal(shape)), 0.0)


def _fits_padding(options: Any, default: Any) -> bool:
    """Words for those whose default is a word; where that is 'same', kernels are odd by habit."""
    if not isinstance(default, str):
        return True
    even = any(side % 2 == 0 for side in pair(options["kernel_size"]))
    return isinstance(options["padding"], str) and not (default == "same" and even)


def _state_padding(options: Any, default: Any) -> Any:
    if isinstance(default, str):
        return "valid" if default != "valid" else None
    return None if default == 0 else 0


def _state_stride(options: Any, default: Any) -> Any:
    if "in_channels" in options:
        return None if default in (1, (1, 1)) else 1
    return None if default is None else options["kernel_size"]


STRIDE = Argument("stride", ("strides", "step", "s"), state=_state_stride)
PADDING = Argument("padding", ("pad", "p"), state=_state_padding, fits=_fits_padding)


def kernel_argument() -> Argument:
    """Return the argument for the size of the window."""
    others = ("kernel", "kernel_shape", "filter_size", "pool_size", "window_size", "window")
    return Argument("kernel_size", (*others, "size", "ksize", "ks", "k"), required=True)
