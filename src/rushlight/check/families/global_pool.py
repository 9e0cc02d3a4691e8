"""GlobalMaxPool2d and GlobalAvgPool2d: (N, C, H, W) -> (N, C)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check.families.windows import negative, rectified, searched_from
from rushlight.check.family import Case, Family, Hypothesis, Scene

__all__ = ["FAMILIES"]

SWAPPED = "window_axes_swapped"
TIES = Case({}, (3, 2, 4, 5), check="ties", inputs=rectified, by_hand=True)
LOW = Case({}, (3, 4, 2, 1), check="stability", inputs=negative)
CASES = (
    Case({}, (3, 2, 4, 5)),
    Case({}, (2, 3, 5, 5), check="options"),
    Case({}, (2, 4, 6, 3), check="non_square", wrong=SWAPPED),
    Case({}, (2, 3, 1, 1), check="options"),
)


def _rows(x: Array) -> Array:
    return x.reshape(*x.shape[:2], -1)


def _shapes(scene: Scene, name: str) -> Iterator[Array]:
    """The right values with axes of 1 kept, or all in a row."""
    want = scene.want[name]
    yield want[..., None, None]
    yield want.reshape(len(want), -1, 1)
    yield want.ravel()


def _axes(pooled: Any) -> Any:
    """Give what reducing other axes would make."""

    def predict(scene: Scene, name: str) -> Iterator[Array]:
        x, shape = scene.x, scene.want["output"].shape
        for axes in ((2,), (3,), (0, 1), (1, 2), (1, 3), (0, 2, 3), (1, 2, 3), (0, 1, 2, 3)):
            made = pooled(x, axes)
            yield made
            if axes in ((0, 2, 3), (1, 2, 3), (0, 1, 2, 3)):
                kept = pooled(x, axes, keepdims=True)[..., 0, 0]
                yield np.broadcast_to(kept, shape)
        yield scene.want["output"].T

    return predict


# --- maximum


def _chosen(scene: Scene, numbers: Array) -> Array:
    """Return the gradient when one cell of each plane, by number, gets it."""
    cells = np.eye(np.prod(scene.x.shape[2:]))[numbers] * scene.g[..., None]
    return cells.reshape(scene.x.shape)


def _equal(scene: Scene) -> Array:
    return (scene.x == scene.x.max(axis=(2, 3), keepdims=True)) * 1.0


def _first(scene: Scene) -> Array:
    return _chosen(scene, _rows(scene.x).argmax(axis=-1))


def _last(scene: Scene, name: str) -> Iterator[Array]:
    rows = _rows(scene.x)
    yield _chosen(scene, rows.shape[-1] - 1 - rows[..., ::-1].argmax(axis=-1))


def _to_all(scene: Scene, name: str) -> Iterator[Array]:
    equal = _equal(scene)
    several = equal.sum(axis=(2, 3), keepdims=True)
    if several.max() > 1:
        yield equal * scene.g[..., None, None]
        yield equal / several**2 * scene.g[..., None, None]
        yield equal * several * scene.g[..., None, None]


def _all_planes(scene: Scene, name: str) -> Iterator[Array]:
    """The maximum over more than one plane gets the gradient, or its share of others'."""
    for axes in ((0, 2, 3), (1, 2, 3), (0, 1, 2, 3)):
        yield (scene.x == scene.x.max(axis=axes, keepdims=True)) * scene.g[..., None, None]
    equal = _equal(scene)
    for counted in ((2,), (3,), (1, 3), (0, 2, 3), (1, 2, 3), (0, 1, 2, 3)):
        yield equal / equal.sum(axis=counted, keepdims=True) * scene.g[..., None, None]


def _mixed_index(scene: Scene, name: str) -> Iterator[Array]:
    """Row and column of the maximum are exchanged, or divided by the wrong side."""
    chosen, (h, w) = _rows(scene.x).argmax(axis=-1), scene.x.shape[2:]
    n, c = np.ogrid[: chosen.shape[0], : chosen.shape[1]]
    for row, column in ((chosen % w, chosen // w), (chosen // h, chosen % h)):
        if row.max() < h and column.max() < w:
            plane = np.zeros(scene.x.shape)
            plane[n, c, row, column] = scene.g
            yield plane


def _spread(scene: Scene, name: str) -> Array:
    size = np.prod(scene.x.shape[2:])
    return np.broadcast_to(scene.g[..., None, None] / size, scene.x.shape)


# --- mean


def _sizes(power: int) -> Any:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        n, c, h, w = scene.x.shape
        for count in (h * w, n, c, n * c):
            yield scene.want[name] * float(count) ** power, {"n": str(count)}

    return predict


def _one_side(scene: Scene, name: str) -> Iterator[Any]:
    h, w = scene.x.shape[2:]
    for side in (h, w):
        yield scene.want[name] * (h * w / side**2)
        yield scene.want[name] * (h * w / side)


def _turned(scene: Scene, name: str) -> Iterator[Array]:
    want = scene.want[name]
    yield want.swapaxes(2, 3)
    yield np.moveaxis(want, (2, 3), (0, 1))
    yield want.reshape(want.shape[0], want.shape[1], want.shape[3], want.shape[2])


def _pool(
    name: str, others: tuple[str, ...], cases: tuple[Case, ...], hypotheses: Any, **more: Any
) -> Family:
    return Family(
        name=name,
        others=others,
        reference=lambda dialect, **options: getattr(classic, name)(**options),
        cases=cases,
        hypotheses=(
            Hypothesis("wrong_shape", ("output",), _shapes),
            *hypotheses,
            Hypothesis(SWAPPED, ("gradInput",), _turned),
        ),
        **more,
    )


MAX = _pool(
    "GlobalMaxPool2d",
    ("GlobalMaxPooling2d", "GlobalMaxPool", "GlobalMaxPooling"),
    (*CASES, LOW, TIES),
    (
        Hypothesis("wrong_axis", ("output",), _axes(np.max)),
        Hypothesis("local_derivative", ("output",), lambda s, n: s.x.mean(axis=(2, 3))),
        Hypothesis("wrong_constant", ("output",), searched_from),
        Hypothesis("ties_to_all", ("gradInput",), _to_all),
        Hypothesis("edge_value", ("gradInput",), lambda s, n: _first(s)),
        Hypothesis("ties_to_last", ("gradInput",), _last),
        Hypothesis("wrong_axis", ("gradInput",), _all_planes),
        Hypothesis(SWAPPED, ("gradInput",), _mixed_index),
        Hypothesis("upstream_ignored", ("gradInput",), lambda s, n: _equal(s)),
        Hypothesis("local_derivative", ("gradInput",), _spread),
    ),
    torch_names=("AdaptiveMaxPool2d", "adaptive_max_pool2d", "max_pool2d", "MaxPool2d"),
)
AVG = _pool(
    "GlobalAvgPool2d",
    ("GlobalAvgPooling2d", "GlobalAveragePool2d", "GlobalAveragePooling2d", "GlobalAvgPool",
     "GlobalAveragePooling"),
    CASES,
    (
        Hypothesis("wrong_axis", ("output",), _axes(np.mean)),
        Hypothesis("local_derivative", ("output",), lambda s, n: s.x.max(axis=(2, 3))),
        Hypothesis("times_n", (), _sizes(1)),
        Hypothesis("divided_by_n", (), _sizes(-1)),
        Hypothesis(SWAPPED, (), _one_side),
    ),
    torch_names=("AdaptiveAvgPool2d", "adaptive_avg_pool2d", "avg_pool2d", "AvgPool2d"),
)  # fmt: skip
FAMILIES = (MAX, AVG)
