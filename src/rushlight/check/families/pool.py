"""MaxPool2d and AvgPool2d, in both dialects."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.families.windows import (
    PADDING,
    STRIDE,
    Windows,
    dense_windows,
    kernel_argument,
    last_forgotten,
    misplaced,
    negative,
    output_sizes,
    overwritten,
    rectified,
    searched_from,
    swapped_options,
)
from rushlight.check.family import Case, Family, Hypothesis, Scene
from rushlight.classic import practical_dl, torch_like

__all__ = ["FAMILIES"]

TORCH = ("torch_like",)
SWAPPED = "window_axes_swapped"
NOT_BACK = {"gradInput": "padding_not_shifted_back"}
CUT_OFF: dict[str, Any] = {
    "optional": True,
    "documented": True,
}  # the last row or column belongs to no window
OVERLAP = {"gradInput": "overlap_overwritten"}


def _reference(name: str) -> Any:
    def make(dialect: str, **options: Any) -> Any:
        plain = dialect == "practical_dl" and set(options) == {"kernel_size"}
        return getattr(practical_dl if plain else torch_like, name)(**options)

    return make


def _dialect(subject: Any) -> str:
    options = ({"kernel_size": 2, "stride": 1}, {"kernel_size": 2, "padding": 1})
    return "torch_like" if any(map(subject.takes, options)) else "practical_dl"


# --- cases


def _case(shape: tuple[int, ...], kernel: Any, check: str = "options", **more: Any) -> Case:
    names = ("crash", "wrong", "optional", "documented", "dialects", "inputs", "by_hand")
    about = {k: more.pop(k) for k in names if k in more}
    about.setdefault("dialects", TORCH)
    return Case({"kernel_size": kernel, **more}, shape, check=check, **about)


SHARED = (
    Case({"kernel_size": 3}, (4, 2, 6, 9)),
    Case({"kernel_size": 2}, (2, 2, 4, 10), check="options"),
    _case((2, 2, 7, 9), 3, "windows", stride=2, wrong=OVERLAP),
    _case((2, 2, 5, 6), 2, "windows", stride=1, wrong=OVERLAP),
    _case((2, 2, 5, 8), 2, stride=3),
    _case((2, 2, 7, 6), 3, "windows", stride=2, **CUT_OFF),
    _case((2, 2, 5, 7), 2, **CUT_OFF),
    _case((2, 2, 6, 6), (3, 2), "non_square", crash=SWAPPED, wrong=SWAPPED, optional=True),
    _case(
        (2, 2, 7, 8),
        (2, 3),
        "non_square",
        stride=(3, 2),
        crash=SWAPPED,
        wrong=SWAPPED,
        optional=True,
    ),
    _case((2, 2, 4, 6), 2, "padding", padding=1, wrong=NOT_BACK, crash=NOT_BACK),
    _case((2, 2, 5, 7), 3, "padding", stride=2, padding=1, wrong=NOT_BACK, crash=NOT_BACK),
    _case((2, 2, 5, 6), 2, "padding", padding=1, wrong=NOT_BACK, **CUT_OFF),
    _case(
        (2, 2, 5, 7),
        (3, 5),
        "padding",
        stride=(1, 2),
        padding=(0, 1),
        crash={"output": SWAPPED, **NOT_BACK},
        wrong=SWAPPED,
        optional=True,
    ),
)
MAX = (
    Case({"kernel_size": 2}, (2, 2, 6, 4), check="stability", inputs=negative),
    Case({"kernel_size": 2}, (2, 2, 4, 6), check="ties", inputs=rectified, by_hand=True),
    _case((2, 2, 7, 9), 3, "ties", stride=2, inputs=rectified, by_hand=True),
    _case((2, 2, 4, 6), 2, "padding", padding=1, inputs=negative, wrong=NOT_BACK, crash=NOT_BACK),
    _case(
        (2, 2, 5, 7),
        3,
        "padding",
        stride=2,
        padding=1,
        inputs=negative,
        wrong=NOT_BACK,
        crash=NOT_BACK,
    ),
)


# --- hypotheses of both


def _unmoved(x: Array, windows: Windows) -> Iterator[Array]:
    """Give windows made by reshaping without moving an axis."""
    (oh, ow), (kh, kw) = windows.count, windows.kernel
    if (oh * kh, ow * kw) == windows.size:
        n, c = x.shape[:2]
        yield x.reshape(n, c, oh, ow, kh, kw)
        yield x.reshape(n, c, kh, oh, kw, ow).transpose(0, 1, 3, 5, 2, 4)
        yield x.reshape(n, c, kh, kw, oh, ow).transpose(0, 1, 4, 5, 2, 3)


def _shared(parts: Any, reduced: Any, other: Any) -> tuple[Hypothesis, ...]:
    """Return the hypotheses of a pool.

    Args:
        parts: what each window adds to its cells.
        reduced: np.max or np.mean, what the pool does to a window.
        other: what the other pool does.
    """

    def reshaped(scene: Scene, name: str) -> Iterator[Array]:
        for cut in _unmoved(scene.x, Windows.of(scene)):
            yield reduced(cut, axis=(4, 5))

    def mistaken(scene: Scene, name: str) -> Iterator[Array]:
        yield other(Windows.of(scene).cut(scene.x), axis=(4, 5))

    def planes(scene: Scene, name: str) -> Iterator[Array]:
        """One value for all channels, or for the whole batch."""
        for axes in ((1,), (0,), (0, 1)):
            one = reduced(scene.want[name], axis=axes, keepdims=True)
            yield np.broadcast_to(one, scene.g.shape)

    return (
        overwritten(parts),
        *misplaced(parts),
        Hypothesis(SWAPPED, (), swapped_options),
        Hypothesis(SWAPPED, ("output",), reshaped),
        Hypothesis("option_ignored", ("output",), dense_windows),
        Hypothesis("local_derivative", ("output",), mistaken),
        Hypothesis("wrong_axis", ("output",), planes),
        Hypothesis("output_size", (), last_forgotten),
        Hypothesis("output_size", ("output",), output_sizes, late=True),
    )


# --- maximum


def _cells(scene: Scene) -> Array:
    """Return the windows with their cells in a row, (N, C, oh, ow, kh*kw)."""
    cut = Windows.of(scene).cut(scene.x, -np.inf)
    return cut.reshape(*cut.shape[:4], -1)


def _one(scene: Scene, chosen: Array) -> Array:
    """Return the parts when one cell of each window, by number, gets the gradient."""
    cells = np.eye(prod(Windows.of(scene).kernel))[chosen] * scene.g[..., None]
    return cells.reshape(*cells.shape[:4], *Windows.of(scene).kernel)


def _first(scene: Scene) -> Array:
    return _one(scene, _cells(scene).argmax(axis=-1))


def _placed(scene: Scene, parts: Array) -> Array:
    windows = Windows.of(scene)
    return windows.crop(windows.fold(parts))


def _to_all(scene: Scene, name: str) -> Iterator[Array]:
    cells, shape = _cells(scene), Windows.of(scene).kernel
    equal = (cells == cells.max(axis=-1, keepdims=True)).astype(float)
    several = equal.sum(axis=-1, keepdims=True)
    if several.max() == 1:
        return
    for share in (1.0, several, several**2):
        parts = equal / share * scene.g[..., None]
        parts = parts.reshape(*parts.shape[:4], *shape)
        yield _placed(scene, parts)
        yield from map(Windows.of(scene).crop, Windows.of(scene).overwrite(parts))


def _to_another(scene: Scene, name: str) -> Iterator[Array]:
    """The last maximum of each window, or the first by columns."""
    cells, (kh, kw) = _cells(scene), Windows.of(scene).kernel
    size = kh * kw
    yield _placed(scene, _one(scene, size - 1 - cells[..., ::-1].argmax(axis=-1)))
    turned = np.arange(size).reshape(kh, kw).T.ravel()
    yield _placed(scene, _one(scene, turned[cells[..., turned].argmax(axis=-1)]))
    back = turned[::-1]
    yield _placed(scene, _one(scene, back[cells[..., back].argmax(axis=-1)]))


def _overwritten_cells(scene: Scene, name: str) -> Iterator[Array]:
    """Each window sets its maximum alone, so that a later window's gradient stays."""
    windows, chosen = Windows.of(scene), _cells(scene).argmax(axis=-1)
    rows, columns = np.divmod(chosen, windows.kernel[1])
    i, j = np.indices(chosen.shape[2:])
    rows, columns = rows + i * windows.stride[0], columns + j * windows.stride[1]
    for axes in ((0, 1, 2, 3), (0, 1, 3, 2)):
        plane = np.zeros((*scene.g.shape[:2], *windows.plane))
        for at in np.ndindex(*(scene.g.shape[a] for a in axes)):
            n, c, i, j = at[0], at[1], at[axes[2]], at[axes[3]]
            plane[n, c, rows[n, c, i, j], columns[n, c, i, j]] = scene.g[n, c, i, j]
        yield windows.crop(plane)


def _mixed_index(scene: Scene, name: str) -> Iterator[Array]:
    """Row and column within the window are exchanged, or divided by the wrong side."""
    windows, chosen = Windows.of(scene), _cells(scene).argmax(axis=-1)
    kh, kw = windows.kernel
    i, j = np.indices(chosen.shape[2:])
    n, c = np.ogrid[: chosen.shape[0], : chosen.shape[1]]
    for row, column in (
        (chosen % kw, chosen // kw),
        (chosen // kh, chosen % kh),
        (chosen % kh, chosen // kh),
    ):
        plane = np.zeros((*scene.g.shape[:2], *windows.plane))
        at = row + i * windows.stride[0], column + j * windows.stride[1]
        if at[0].max() < plane.shape[2] and at[1].max() < plane.shape[3]:
            np.add.at(plane, (n[..., None, None], c[..., None, None], *at), scene.g)
            yield windows.crop(plane)


def _unmoved_gradient(scene: Scene, name: str) -> Iterator[Array]:
    """Forward and backward both take windows by reshaping: seen where only backward is wrong."""
    for cut in _unmoved(scene.x, Windows.of(scene)):
        mask = cut == cut.max(axis=(4, 5), keepdims=True)
        yield (mask * scene.g[..., None, None]).reshape(scene.x.shape)


def _other_slopes(scene: Scene, name: str) -> Iterator[Array]:
    """The gradient of a mean, or multiplied by the maximum."""
    yield _placed(scene, _means(scene))
    yield _placed(scene, _first(scene)) * scene.x


def _finite_padding(scene: Scene, name: str) -> Iterator[Any]:
    """Zeros around the image, or another number that exceeds some of its own."""
    windows, got = Windows.of(scene), np.asarray(scene.got[name])
    if name == "gradInput":
        cut = windows.cut(scene.x)
        yield _placed(scene, _one(scene, cut.reshape(*cut.shape[:4], -1).argmax(axis=-1)))
        return
    yield windows.cut(scene.x).max(axis=(4, 5))
    if got.shape == scene.want[name].shape and (got > scene.want[name]).any():
        value = float(got[got > scene.want[name]].max())
        yield windows.cut(scene.x, value).max(axis=(4, 5)), {"value": f"{value:.6g}"}


# --- mean


def _means(scene: Scene) -> Array:
    kernel = Windows.of(scene).kernel
    return np.broadcast_to(scene.g[..., None, None] / prod(kernel), (*scene.g.shape, *kernel))


def _counts(scene: Scene) -> Array:
    """Return how many cells of the image each window holds."""
    ones = np.ones((1, 1, *scene.x.shape[2:]))
    return Windows.of(scene).cut(ones).sum(axis=(4, 5))


def _real_cells(scene: Scene, name: str) -> Any:
    factor = prod(Windows.of(scene).kernel) / _counts(scene)
    if name == "output":
        return scene.want[name] * factor
    return scene.again(g=scene.g * factor)[name]


def _last_cell(scene: Scene, name: str) -> Array:
    """`=` in a loop over the cells of the window."""
    windows = Windows.of(scene)
    return windows.cut(scene.x)[..., -1, -1] / prod(windows.kernel)


def _divisors(power: int) -> Any:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        count = int(prod(Windows.of(scene).kernel))
        yield scene.want[name] * float(count) ** power, {"n": str(count)}

    return predict


def _one_side(scene: Scene, name: str) -> Iterator[Any]:
    kh, kw = Windows.of(scene).kernel
    for side in (kh, kw):
        yield scene.want[name] * (kh * kw / side**2)


def _side(scene: Scene, name: str) -> Iterator[Any]:
    """Divided by the side of the window, not by the number of its cells."""
    for side in Windows.of(scene).kernel:
        yield scene.want[name] * float(side), {"factor": str(side)}


def _pool(name: str, others: tuple[str, ...], cases: Any, hypotheses: Any, **more: Any) -> Family:
    return Family(
        name=name,
        others=others,
        reference=_reference(name),
        dialect=_dialect,
        arguments=(kernel_argument(), STRIDE, PADDING),
        cases=cases,
        hypotheses=hypotheses,
        **more,
    )


MAX_POOL = _pool(
    "MaxPool2d",
    ("MaxPooling2d", "MaxPool", "MaxPooling", "SpatialMaxPooling"),
    (*SHARED, *MAX),
    (
        Hypothesis("zero_padding_in_max_pool", ("output", "gradInput"), _finite_padding),
        Hypothesis("wrong_constant", ("output",), searched_from),
        Hypothesis("ties_to_all", ("gradInput",), _to_all),
        Hypothesis("ties_to_last", ("gradInput",), _to_another),
        Hypothesis("overlap_overwritten", ("gradInput",), _overwritten_cells),
        Hypothesis(SWAPPED, ("gradInput",), _mixed_index),
        Hypothesis(SWAPPED, ("gradInput",), _unmoved_gradient),
        Hypothesis("local_derivative", ("gradInput",), _other_slopes),
        *_shared(_first, np.max, np.mean),
    ),
    torch_names=("MaxPool2d", "max_pool2d", "adaptive_max_pool2d"),
)
AVG_POOL = _pool(
    "AvgPool2d",
    ("AvgPooling2d", "AveragePool2d", "AveragePooling2d", "AvgPool", "MeanPool2d", "AvgPooling"),
    SHARED,
    (
        Hypothesis("padding_counted", (), _real_cells),
        Hypothesis("overwritten", ("output",), _last_cell),
        *_shared(_means, np.mean, np.max),
        Hypothesis("times_n", (), _divisors(1)),
        Hypothesis("divided_by_n", (), _divisors(-1)),
        Hypothesis(SWAPPED, (), _one_side),
        Hypothesis("factor", (), _side),
    ),
    torch_names=("AvgPool2d", "avg_pool2d", "adaptive_avg_pool2d"),
)
FAMILIES = (MAX_POOL, AVG_POOL)
