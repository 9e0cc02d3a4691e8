"""The dialect of homework with nested parameter lists, 'same' convolutions and alpha averages."""

from __future__ import annotations

from typing import Any

from rushlight.classic import module
from rushlight.classic.layers import Linear, ReLU
from rushlight.classic.module import Criterion, Module

__all__ = ["Criterion", "Linear", "Module", "ReLU", "Sequential"]


class Sequential(module.Sequential):
    """Modules in a row; the parameters are nested, a list for each module.

    Args:
        *modules: the modules, from the first to the last; more can be added.

    Attributes:
        modules: list of the modules.

    Example:
        >>> net = Sequential(Linear(4, 3), ReLU())
        >>> [[array.shape for array in part] for part in net.getParameters()]
        [[(3, 4), (3,)], []]
    """

    def getParameters(self) -> list[Any]:
        """Return a list of the parameters of each module."""
        return [module.getParameters() for module in self.modules]

    def getGradParameters(self) -> list[Any]:
        """Return a list of the gradients of each module."""
        return [module.getGradParameters() for module in self.modules]
