"""From what the user gives as a net (an object, a class, a function) to a Module."""

from __future__ import annotations

import copy
from typing import Any

from rushlight import nn
from rushlight.errors import explain

__all__ = ["make_net"]


def make_net(module: Any, inputs: int, outputs: int) -> nn.Module:
    """Return the net that an object, a class or a function stands for.

    Args:
        module: an nn.Module, which is copied and goes on from the weights that it has; or a class
            or function that is called with (inputs, outputs).
        inputs: features of a sample.
        outputs: numbers that the net returns for a sample.
    """
    if isinstance(module, nn.Module):
        return copy.deepcopy(module)
    made = module(inputs, outputs) if callable(module) else module
    if not isinstance(made, nn.Module):
        called = " returned" if callable(module) else ""
        raise TypeError(
            explain(
                "module",
                got=f"{type(made).__name__}{called}",
                expected="an nn.Module, its class, or a function (n_features_in, n_outputs) -> "
                "nn.Module",
            )
        )
    return made
