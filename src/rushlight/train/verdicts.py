"""What the numbers of a layer say, in plain words."""

from __future__ import annotations

from typing import Any

__all__ = ["verdict"]

LOW, HIGH = 1e-5, 0.1  # of the weights: an update below or above it is worth a word
DEAD = 0.1  # share of the units
SATURATED = 0.5  # share of the outputs
LARGE = 1e3  # standard deviation of outputs
FLAT = 1e-6  # the same, as a share of their mean


def verdict(path: str, layer: dict[str, Any], epoch: int) -> str:
    """Return the line of a layer: what is wrong with it or, if nothing is, how it learns.

    Args:
        path: of the module.
        layer: its numbers, as `Diagnostics` puts them together.
        epoch: the epoch they are of.

    Example:
        >>> verdict("fc2", {"kind": "ReLU", "units": 128, "dead": 62, "source": "fc1"}, 3)
        'fc2 (ReLU behind fc1): 62 of 128 units never fired in epoch 3'
        >>> verdict("conv1", {"kind": "Conv2d", "gradient_norm": 1e-7, "update_ratio": 1e-6}, 3)
        'conv1 (Conv2d): updates are 1e-06 of the weights: the rate is too low or the gradient
        vanishes'
    """
    source = layer.get("source", "")
    units = "units" in layer or "saturated" in layer
    behind = f" behind {source}" if source and units else ""
    remarks = [*_learning(layer), *_firing(layer, epoch), *_outputs(layer)]
    return f"{path or 'the model'} ({layer['kind']}{behind}): {'; '.join(remarks) or _fine(layer)}"


def _learning(layer: dict[str, Any]) -> list[str]:
    if "gradient_norm" not in layer and "weight_norm" not in layer:
        return []
    gradient, ratio = layer.get("gradient_norm"), layer.get("update_ratio")
    if gradient is None:
        return ["its parameters got no gradient: the loss does not depend on them"]
    if gradient == 0:
        return ["its gradient is exactly 0: nothing comes back to it from the loss"]
    if ratio is None:
        return []
    if ratio < LOW:
        words = f"updates are {ratio:.1g} of the weights"
        return [f"{words}: the rate is too low or the gradient vanishes"]
    if ratio > HIGH:
        return [f"each step changes the weights by {100 * ratio:.0f} %: the rate is too high"]
    return []


def _firing(layer: dict[str, Any], epoch: int) -> list[str]:
    units, dead = layer.get("units", 0), layer.get("dead", 0)
    if units and dead == units:
        return [
            f"none of its {units} units fired in epoch {epoch}: nothing passes, and what lies "
            "before it no longer learns"
        ]
    if units and dead >= DEAD * units:
        return [f"{dead} of {units} units never fired in epoch {epoch}"]
    share = layer.get("saturated", 0.0)
    if share > SATURATED:
        return [
            f"{100 * share:.0f} % of its outputs are saturated, where next to no gradient passes: "
            "scale or normalize what goes in"
        ]
    return []


def _outputs(layer: dict[str, Any]) -> list[str]:
    std, mean = layer.get("std"), layer.get("mean", 0.0)
    if std is None or layer.get("dead", 0) == layer.get("units", -1):
        return []
    if std > LARGE:
        return [f"its outputs spread by {std:.1g}: normalize them"]
    if std <= FLAT * abs(mean):
        return [f"its outputs are all the same ({mean:.3g})"]
    return []


def _fine(layer: dict[str, Any]) -> str:
    if layer.get("update_ratio") is not None:
        return f"learns, by {layer['update_ratio']:.1g} of its weights a step"
    if "units" in layer:
        some = f", {layer['dead']} of {layer['units']} units never" if layer["dead"] else ""
        return f"fires at {100 * (1 - layer['zeros']):.0f} %{some}"
    if "std" in layer:
        return f"gives {layer['mean']:.2g} ± {layer['std']:.2g}"
    return "nothing was seen of it"
