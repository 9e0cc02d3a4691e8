"""Samples of the ops that rearrange."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Error, Sample, normal

from rushlight.errors import ShapeError

X = normal(2, 3, 4)
IMAGE = normal(2, 3, 4, 5)
WHOLE = np.arange(6).reshape(2, 3)


def reshaped(x: Any, *shape: int) -> Sample:
    return Sample((x,), {"shape": shape}, lambda torch, x: x.reshape(shape))


def permuted(x: Any, *dims: int) -> Sample:
    return Sample((x,), {"dims": dims}, lambda torch, x: x.permute(dims))


def expanded(x: Any, *shape: int) -> Sample:
    return Sample((x,), {"shape": shape}, lambda torch, x: x.expand(shape))


def flipped(x: Any, *dims: int) -> Sample:
    return Sample((x,), {"dims": dims}, lambda torch, x: torch.flip(x, dims))


def joined(dim: int, *xs: Any) -> Sample:
    return Sample(xs, {"dim": dim}, lambda torch, *xs: torch.cat(xs, dim))


def padded(x: Any, *widths: tuple[int, int], mode: str = "constant", value: float = 0.0) -> Sample:
    flat = [n for pair in reversed(widths) for n in pair]
    while mode != "constant" and len(flat) > 2 and flat[-2:] == [0, 0] and len(flat) > 2 * 2:
        flat = flat[:-2]

    def f(torch: Any, x: Any) -> Any:
        if mode == "constant":
            return torch.nn.functional.pad(x, flat, mode, value)
        return torch.nn.functional.pad(x, flat, mode)

    return Sample((x,), {"widths": widths, "mode": mode, "value": value}, f)


def folded(shape: tuple[int, ...], *widths: tuple[int, int], mode: str) -> Sample:
    """The gradient of padding that shape."""
    pad = padded(np.zeros(shape), *widths, mode=mode)
    size = [n + a + b for n, (a, b) in zip(shape, widths, strict=True)]

    def f(torch: Any, g: Any) -> Any:
        x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(pad.torch(torch, x), x, g, create_graph=True)[0]

    return Sample((normal(*size),), {"x_shape": shape, "widths": widths, "mode": mode}, f)


SAMPLES: dict[str, list[Sample]] = {
    "cast": [
        Sample((X,), {"dtype": np.dtype("float64")}, lambda torch, x: x.double()),
        Sample((X,), {"dtype": np.dtype("int32")}, lambda torch, x: x.int()),
        Sample((X,), {"dtype": np.dtype("bool")}, lambda torch, x: x.bool()),
        Sample((WHOLE,), {"dtype": np.dtype("float32")}, lambda torch, x: x.float()),
        Sample((X,), {"dtype": np.dtype("float32")}, gradient=False),
        Sample((np.array(1.5),), {"dtype": np.dtype("float64")}),
    ],
    "clone": [Sample((x,), {}, lambda torch, x: x.clone()) for x in (X, WHOLE, np.array(2.0))],
    "contiguous": [
        Sample((x,), {}, lambda torch, x: x.contiguous())
        for x in (X, X.transpose(2, 0, 1), WHOLE.T, np.array(2.0))
    ],
    "reshape": [
        reshaped(X, 6, 4),
        reshaped(X, -1),
        reshaped(X, 4, 1, -1),
        reshaped(X.transpose(2, 1, 0), 12, 2),
        reshaped(np.array(1.5), 1, 1),
        reshaped(normal(1), *()),
        reshaped(np.zeros((0, 3)), 3, 0),
        reshaped(WHOLE, 3, 2),
    ],
    "permute": [
        permuted(X, 2, 0, 1),
        permuted(X, 0, 1, 2),
        permuted(IMAGE, 0, 2, 3, 1),
        permuted(np.array(1.5)),
        permuted(WHOLE, 1, 0),
    ],
    "expand": [
        expanded(normal(1, 3), 4, 3),
        expanded(normal(3), 2, 4, 3),
        expanded(normal(2, 1, 3), 2, 5, 3),
        expanded(np.array(1.5), 2, 2),
        expanded(X, 2, 3, 4),
        expanded(normal(1, 3), 0, 3),
    ],
    "rearrange": [
        Sample((x,), dict(zip(("apart", "order", "shape"), way, strict=True)), theirs)
        for x, theirs, *way in (
            (
                *(normal(2, 8, 3, 5), lambda torch, x: torch.pixel_shuffle(x, 2)),
                *((2, 2, 2, 2, 3, 5), (0, 1, 4, 2, 5, 3), (2, 2, 6, 10)),
            ),
            (
                *(normal(6, 3, 12, 20), lambda torch, x: torch.pixel_unshuffle(x, 2)),
                *((6, 3, 6, 2, 10, 2), (0, 1, 3, 5, 2, 4), (6, 12, 6, 10)),
            ),
            (
                *(normal(0, 6, 2), lambda torch, x: torch.channel_shuffle(x, 2)),
                *((0, 2, 3, 2), (0, 2, 1, 3), (0, 6, 2)),
            ),
            (WHOLE, lambda torch, x: x.T.reshape(2, 3), (2, 3), (1, 0), (2, 3)),
            (np.array(1.5), lambda torch, x: x, (), (), ()),
        )
    ],
    "flip": [
        flipped(X, 0),
        flipped(X, 0, 2),
        flipped(X),
        flipped(IMAGE, 2, 3),
        flipped(WHOLE, 1),
        flipped(np.array(1.5)),
    ],
    "split": [
        Sample((X,), {"dim": 1, "sizes": (1, 2)}, lambda torch, x: x.split([1, 2], 1)),
        Sample((X,), {"dim": 0, "sizes": (1, 0, 1)}, lambda torch, x: x.split([1, 0, 1])),
    ],
    "cat": [
        joined(0, X, X[:1], X[:0]),
        joined(1, X, normal(2, 1, 4)),
        joined(2, X, X, X),
        joined(1, IMAGE, IMAGE[:, :1]),
        joined(0, X),
        joined(0, WHOLE, normal(1, 3)),
        joined(1, WHOLE, WHOLE),
    ],
    "pad": [
        padded(X, (0, 0), (1, 2), (0, 3)),
        padded(X, (0, 0), (0, 0), (0, 0)),
        padded(X, (1, 0), (-1, 2), (-1, -2), value=2.5),
        padded(IMAGE, (0, 0), (0, 0), (1, 1), (2, 0)),
        padded(IMAGE, (0, 0), (0, 0), (-1, 1), (2, -4), value=-1.0),
        padded(normal(3), (2, 2)),
        padded(normal(3), (-3, 4)),
        *[
            padded(x, *widths, mode=mode)
            for mode in ("reflect", "replicate", "circular")
            for x, *widths in (
                (IMAGE, (0, 0), (0, 0), (1, 2), (3, 0)),
                (X, (0, 0), (0, 0), (2, 1)),
                (X, (0, 0), (0, 0), (0, 0)),
            )
        ],
        padded(X, (0, 0), (0, 0), (-1, 2), mode="replicate"),
        padded(X, (0, 0), (0, 0), (1, -2), mode="circular"),
    ],
    "pad_grad": [
        folded(shape, *widths, mode=mode)
        for mode in ("reflect", "replicate", "circular")
        for shape, *widths in (
            ((2, 3, 4, 5), (0, 0), (0, 0), (1, 2), (3, 0)),
            ((2, 3, 4), (0, 0), (0, 0), (2, 1)),
            ((2, 3, 4), (0, 0), (0, 0), (0, 0)),
            ((0, 3, 4, 5), (0, 0), (0, 0), (1, 2), (1, 0)),
        )
    ],
}

ERRORS: dict[str, list[Error]] = {
    "reshape": [
        Error((X,), {"shape": (5, 5)}, ShapeError, r"reshape: got shape \(5, 5\) .* 24 elements"),
        Error((X,), {"shape": (-1, -1)}, ShapeError, "one dimension may be -1"),
    ],
    "rearrange": [
        Error(
            (X,), {"apart": (5, 5), "order": (0, 1), "shape": (5, 5)}, ShapeError, "rearrange: got"
        ),
    ],
    "expand": [
        Error((X,), {"shape": (2, 3, 5)}, ShapeError, r"expand: got shape \(2, 3, 5\)"),
        Error((X,), {"shape": (3, 4)}, ShapeError, "expand"),
    ],
    "cat": [
        Error((X, X[:, :1]), {"dim": 0}, ShapeError, "equal except in dim 0"),
        Error((X, WHOLE), {"dim": 0}, ShapeError, r"cat: got shapes"),
    ],
    "pad": [
        Error(
            (X,),
            {"widths": ((-3, 0), (0, 0), (0, 0)), "mode": "constant", "value": 0.0},
            ShapeError,
            "sizes >= 0",
        ),
    ],
}
