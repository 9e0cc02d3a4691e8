"""Activations by name, and fully connected nets."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Iterable
from typing import Any

from rushlight import nn
from rushlight.errors import explain

__all__ = ["dense", "make_activation"]

_ACTIVATIONS = {
    "celu": nn.CELU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "logistic": nn.Sigmoid,  # as scikit-learn calls it
    "mish": nn.Mish,
    "prelu": nn.PReLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
}


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


def make_activation(given: Any) -> nn.Module:
    """Return a new activation.

    Args:
        given: a name such as 'relu' or 'leaky_relu', a Module class, a function without
            arguments, or an object, which is copied.

    Raises:
        ValueError, TypeError: for anything else; the names are listed.
    """
    if isinstance(given, str) and given in _ACTIVATIONS:
        return _ACTIVATIONS[given]()
    if isinstance(given, nn.Module):
        return copy.deepcopy(given)
    made = given() if callable(given) and not isinstance(given, str) else None
    if not isinstance(made, nn.Module):
        names = ", ".join(map(repr, _ACTIVATIONS))
        kind = repr(given) if isinstance(given, str) else type(given).__name__
        expected = f"one of {names}, or an activation module or its class"
        error = TypeError if inspect.isroutine(given) else ValueError
        raise error(explain("activation", got=kind, expected=expected))
    return made
