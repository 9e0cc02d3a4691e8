"""What a layer is explained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from rushlight.check.texts.text import Text

__all__ = ["Page", "Row"]

Row: TypeAlias = str | Text  # a line of mathematics, with words in it or without


@dataclass(frozen=True)
class Page:
    """The explanation of one layer, apart from its lines of NumPy and its example.

    Args:
        purpose: what it is for, in a line.
        shapes: of the input, output and parameters.
        forward: its formula; x is the input, y the output.
        gradients: their formulas; g is gradOutput, ∂L/∂y.
        pitfalls: the frequent mistakes.
        dialects: what is special in each.
    """

    purpose: Text
    shapes: tuple[Row, ...]
    forward: tuple[Row, ...]
    gradients: tuple[Row, ...]
    pitfalls: tuple[Text, ...]
    dialects: Mapping[str, Text] = field(default_factory=dict)
