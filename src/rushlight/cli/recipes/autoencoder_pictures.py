"""The pictures of the autoencoder: reconstructions, codes, samples and errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.recipes.recipe import Picture
from rushlight.train.drawing import INK, TRAIN, VAL, matplotlib, new_figure, style

__all__ = ["Shown", "draw"]

_NET, _PCA = VAL, TRAIN
_COLORS = (  # told apart by people with any kind of colour vision, as far as ten can be
    *("#1f6f8b", "#e07b39", "#3f9b5f", "#c8405a", "#7c63b8", "#8a6642", "#dc82b8", "#6b7280"),
    *("#b5a21f", "#37b1c4", "#173f5f", "#a3c644"),
)
_WIDE = 12  # images in a row
_POINTS = 2_500  # of a cloud: more hide each other


class Shown:
    """What is drawn.

    Args:
        clean: the test images (N, C, H, W) in [0, 1].
        given: what the net was given.
        noisy: whether that is the same with noise.
        found: what it made of them.
        codes: the codes (N, latent).
        samples: images (M, C, H, W) of codes that were drawn at random.
        pca: the MSE of each image through PCA, (N,).
        labels: the class of each image, or None.
        classes: the names of the classes.
        ink: draw what is bright dark, as ink on paper.
    """

    def __init__(
        self,
        *,
        clean: Array,
        given: Array,
        noisy: bool,
        found: Array,
        codes: Array,
        samples: Array,
        pca: Array,
        labels: Array | None,
        classes: tuple[str, ...],
        ink: bool,
    ) -> None:
        self.clean, self.given, self.found, self.codes = clean, given, found, codes
        self.samples, self.pca, self.labels, self.classes = samples, pca, labels, classes
        self.noisy, self.ink = noisy, ink
        self.errors = np.square(found - clean).reshape(len(clean), -1).mean(1, dtype=np.float64)

    def rows(self, index: Array) -> list[tuple[str, Array]]:
        """Return what stands above each other for some images: titles and images."""
        middle = [("with noise", self.given[index])] if self.noisy else []
        return [("original", self.clean[index]), *middle, ("through the net", self.found[index])]


def draw(shown: Shown) -> Iterator[Picture]:
    """Yield the pictures.

    Args:
        shown: what is drawn.
    """
    yield _reconstructions(shown)
    if shown.codes.shape[1] > 1:
        yield _codes(shown)
    yield _samples(shown)
    yield _errors(shown)
    yield _worst(shown)


def _reconstructions(shown: Shown) -> Picture:
    count = min(_WIDE, len(shown.clean))
    bands = 2 if len(shown.clean) >= 2 * _WIDE else 1
    blocks = [shown.rows(np.arange(i * count, (i + 1) * count)) for i in range(bands)]
    what = "noisy test images, and what they are without it" if shown.noisy else "test images"
    return Picture(
        "reconstructions",
        "Through the code and back",
        f"The first {count * bands} {what}: as they are, and as the net gives them back from "
        f"{shown.codes.shape[1]} numbers each.",
        _grid(blocks, shown.ink),
    )


def _worst(shown: Shown) -> Picture:
    order = np.argsort(-shown.errors, kind="stable")[:_WIDE]
    under = [f"{error:.3f}" for error in shown.errors[order]]
    return Picture(
        "worst",
        "The worst reconstructions",
        f"The {len(order)} test images with the largest error, and their MSE; "
        f"the mean of all is {shown.errors.mean():.4f}.",
        _grid([shown.rows(order)], shown.ink, under),
    )


def _samples(shown: Shown) -> Picture:
    parts = [shown.samples[i : i + _WIDE] for i in range(0, len(shown.samples), _WIDE)]
    return Picture(
        "samples",
        "Random samples",
        "Images that the decoder makes of random codes, drawn from the normal distribution with "
        "the mean and covariance of the codes of the test images.",
        _grid([[("", part) for part in parts]], shown.ink),
    )


def _codes(shown: Shown) -> Picture:
    """Draw the codes along their two principal axes."""
    centred = shown.codes - shown.codes.mean(0)
    values, axes = np.linalg.eigh(np.cov(centred.T))
    places = centred @ axes[:, :-3:-1]  # (N, latent) -> (N, 2)
    share = values[:-3:-1].sum() / max(values.sum(), 1e-30)
    figure, axes_of = _figure(7.2, 5.6)
    few = slice(None, _POINTS)
    points = {"s": 9 if len(places) > 500 else 26, "alpha": 0.65, "linewidths": 0}
    if shown.labels is None:
        axes_of.scatter(*places[few].T, color=_NET, **points)
    else:
        for i, name in enumerate(shown.classes):
            own = places[few][shown.labels[few] == i]
            axes_of.scatter(*own.T, color=_COLORS[i], label=name, **points)
        legend = axes_of.legend(
            frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), labelcolor=INK, fontsize=10
        )
        for handle in legend.legend_handles:
            handle.set(alpha=1, sizes=[36])
        _mark(axes_of, places, shown)
    style(axes_of, "first principal axis of the codes", "second")
    figure.tight_layout()
    colour = ", coloured by class" if shown.labels is not None else ""
    return Picture(
        "codes",
        "The space of codes",
        f"Codes of {min(_POINTS, len(places)):,} test images{colour}, along the two directions in "
        f"which they vary most: {100 * share:.0f} % of their variance.",
        figure,
    )


def _mark(axes: Any, places: Array, shown: Shown) -> None:
    """Write the name of each class where the middle of its codes lies."""
    assert shown.labels is not None
    effects = matplotlib("patheffects")
    halo = [effects.withStroke(linewidth=3, foreground="white")]
    for i, name in enumerate(shown.classes):
        own = places[shown.labels == i]
        if len(own):
            where = np.median(own, axis=0)
            axes.text(
                *where,
                name,
                color=_COLORS[i],
                fontsize=14,
                fontweight="bold",
                ha="center",
                va="center",
                path_effects=halo,
                parse_math=False,
            )


def _errors(shown: Shown) -> Picture:
    """Draw the mean error of each class beside that of PCA, or how the errors are spread."""
    if shown.labels is None:
        return _spread(shown)
    names = [n for i, n in enumerate(shown.classes) if (shown.labels == i).any()]
    groups = [shown.labels == i for i in range(len(shown.classes)) if (shown.labels == i).any()]
    figure, axes = _figure(7.2, 1.2 + 0.34 * len(names))
    lines = np.arange(len(names))
    axes.barh(lines, [shown.errors[g].mean() for g in groups], 0.62, color=_NET, label="the net")
    pca = [shown.pca[g].mean() for g in groups]
    axes.plot(pca, lines, "D", ms=6, color=_PCA, label="PCA of the same size")
    axes.set_yticks(lines, names, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    style(axes, "MSE", "", grid="x")
    above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2, "reverse": True}
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, **above)
    figure.tight_layout()
    return Picture(
        "errors",
        "Error of each class",
        "Mean error over the test images of each class, beside that of PCA with as many components "
        "as a code has numbers.",
        figure,
    )


def _spread(shown: Shown) -> Picture:
    figure, axes = _figure(7.2, 3.4)
    top = max(float(shown.errors.max()), float(shown.pca.max())) or 1.0
    bins = np.linspace(0, top, 31)
    axes.hist(shown.errors, bins, color=_NET, alpha=0.85, label="the net")
    axes.hist(shown.pca, bins, histtype="step", lw=1.8, color=_PCA, label="PCA of the same size")
    axes.set_xlim(left=0)
    style(axes, "MSE of an image", "test images", grid="y")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    figure.tight_layout()
    return Picture(
        "errors",
        "Errors of the images",
        "How many test images have which error, beside PCA with as many components as a code has "
        "numbers.",
        figure,
    )


# ---- parts


def _grid(
    blocks: Iterable[list[tuple[str, Array]]], ink: bool, under: list[str] | None = None
) -> Any:
    """Draw blocks of rows of images; those of a block stand close above each other."""
    blocks = list(blocks)
    rows = [row for block in blocks for row in block]
    count, (_, height, width) = max(len(row) for _, row in rows), rows[0][1].shape[1:]
    gap = max(1, round(0.08 * max(height, width)))
    left = 0.15 if any(title for title, _ in rows) else 0.0
    across = count * (width + gap) - gap
    down = sum(len(block) * (height + gap) - gap for block in blocks)
    down += 4 * gap * (len(blocks) - 1) + (5 * gap if under else 0)
    wide = 8.4 * (1 - left)
    figure, axes = _figure(8.4, wide * down / across)
    axes.set_position((left, 0, 1 - left, 1))
    axes.axis("off")
    top = 0
    for block in blocks:
        for title, row in block:
            if title:
                axes.text(-2 * gap, top + height / 2, title, ha="right", va="center", color=INK)
            for i, image in enumerate(row):
                _place(axes, image, i * (width + gap), top, ink)
            top += height + gap
        top += 3 * gap
    for i, text in enumerate(under or []):
        at = i * (width + gap) + width / 2
        axes.text(at, top - gap, text, ha="center", va="center", color=INK, fontsize=9)
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    return figure


def _place(axes: Any, image: Array, x: int, y: int, ink: bool) -> None:
    channels, height, width = image.shape
    extent = (x, x + width, y + height, y)
    pixels = np.clip(image[0] if channels == 1 else image.transpose(1, 2, 0), 0, 1)
    kind = "gray_r" if ink else "gray"
    axes.imshow(pixels, cmap=kind, vmin=0, vmax=1, extent=extent, interpolation="nearest")


def _figure(wide: float, high: float) -> tuple[Any, Any]:
    figure = new_figure(wide, high, dpi=120)
    return figure, figure.subplots()
