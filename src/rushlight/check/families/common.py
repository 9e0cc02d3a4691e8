"""What hypotheses of several families share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.family import Scene

__all__ = ["constant", "instead"]


def instead(scene: Scene, layer: Any, *, x: Array | None = None, g: Array | None = None) -> Any:
    """Return output and gradInput of another layer in the place of the reference."""
    x, g = scene.x if x is None else x, scene.g if g is None else g
    layer.train() if scene.training else layer.evaluate()
    output = layer.forward(x)
    gradient = layer.backward(x, g) if np.shape(output) == g.shape else None
    return {"output": output, "gradInput": gradient}


def constant(scene: Scene, name: str, option: str) -> Iterator[Any]:
    """Give what another value of a constant would make, for the value that one element tells.

    The tensor must depend on the constant linearly: two values tell the line.
    """
    at_0, at_1 = (scene.again(**{option: value})[name] for value in (0.0, 1.0))
    got = np.asarray(scene.got[name], float)
    if got.shape != at_0.shape:
        return
    place = np.unravel_index(np.argmax(np.abs(at_1 - at_0)), at_0.shape)
    value = float((got[place] - at_0[place]) / (at_1[place] - at_0[place]))
    yield at_0 + value * (at_1 - at_0), {"option": option, "value": f"{value:.6g}"}
