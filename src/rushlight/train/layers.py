"""Fully connected nets."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from rushlight import nn
from rushlight.errors import explain
from rushlight.train.activations import make_activation

__all__ = ["dense"]


def dense(
    inputs: int,
    outputs: int,
    *,
    hidden: Any,
    activation: Any,
    dropout: Any,
    batch_norm: bool,
    last: nn.Module | None = None,
) -> nn.Sequential:
    """Return a fully connected net: (N, inputs) -> (N, outputs).

    Args:
        inputs: features of a sample.
        outputs: numbers that the net returns for a sample.
        hidden: the width of each hidden layer; an int is one layer.
        activation: a name, a Module class, a function without arguments, or an object.
        dropout: probability, behind each activation.
        batch_norm: whether batch normalization stands before each activation.
        last: a module behind the last layer, or None.
    """
    layers: list[nn.Module] = []
    width = inputs
    for size in _sizes(hidden):
        # what comes behind batch normalization has a bias of its own there
        layers.append(nn.Linear(width, size, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers.append(make_activation(activation))
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = size
    layers.append(nn.Linear(width, outputs))
    if last is not None:
        layers.append(last)
    return nn.Sequential(*layers)


def _sizes(hidden: Any) -> list[int]:
    given = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    try:
        sizes = [-1 if isinstance(size, bool) else operator.index(size) for size in given]
    except TypeError:
        sizes = [-1]
    if any(size < 1 for size in sizes):
        expected = "ints >= 1, such as (100, 50); () for a net without hidden layers"
        raise ValueError(explain("hidden_layer_sizes", got=repr(hidden), expected=expected))
    return sizes
