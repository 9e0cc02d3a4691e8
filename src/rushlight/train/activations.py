"""Activations by name."""

from __future__ import annotations

import copy
from typing import Any

from rushlight import nn
from rushlight.errors import explain
from rushlight.train.names import Names
from rushlight.train.parts import kind_of

__all__ = ["activation_names", "make_activation"]

_NAMES = Names(
    "activation",
    {
        "celu": nn.CELU,
        "elu": nn.ELU,
        "gelu": nn.GELU,
        "hardsigmoid": nn.Hardsigmoid,
        "hardswish": nn.Hardswish,
        "hardtanh": nn.Hardtanh,
        "identity": nn.Identity,
        "leaky_relu": nn.LeakyReLU,
        "log_sigmoid": nn.LogSigmoid,
        "mish": nn.Mish,
        "prelu": nn.PReLU,
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "rrelu": nn.RReLU,
        "selu": nn.SELU,
        "sigmoid": nn.Sigmoid,
        "silu": nn.SiLU,
        "softplus": nn.Softplus,
        "softsign": nn.Softsign,
        "tanh": nn.Tanh,
        "tanhshrink": nn.Tanhshrink,
    },
    {"linear": "identity", "logistic": "sigmoid", "swish": "silu"},  # of Keras and scikit-learn
    instead="an activation module or its class",
    elsewhere={"softmax": "losses of classes take logits: leave it out"},
    given=("args", "kwargs", "inplace", "device", "dtype"),
)


def activation_names() -> tuple[str, ...]:
    """Return the names that `make_activation` lists."""
    return tuple(_NAMES.makers)


def make_activation(activation: Any) -> nn.Module:
    """Return a new activation module.

    Args:
        activation: a name, with options if wanted ('leaky_relu:negative_slope=0.1'), a module,
            which is copied, its class, or a function without arguments that returns one.

    Raises:
        ValueError, TypeError: no such name (the known ones are listed), option or object.

    Example:
        >>> make_activation("leaky_relu:negative_slope=0.1")
        LeakyReLU(negative_slope=0.1)
        >>> make_activation("swish")
        SiLU()
    """
    if isinstance(activation, str):
        module: nn.Module = _NAMES.make(activation)
        return module
    if isinstance(activation, nn.Module):
        return copy.deepcopy(activation)
    made = None
    if callable(activation):
        try:
            made = activation()
        except TypeError as error:
            expected = "an activation module, its class, or a function without arguments"
            got = f"{kind_of(activation)} ({error})"
            raise TypeError(explain("activation", got=got, expected=expected)) from error
    if not isinstance(made, nn.Module):
        names = ", ".join(map(repr, _NAMES.makers))
        expected = f"one of {names}, or an activation module or its class"
        got = type(activation if made is None else made).__name__
        raise ValueError(explain("activation", got=got, expected=expected))
    return made
