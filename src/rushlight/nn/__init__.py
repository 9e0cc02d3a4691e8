"""Modules: layers, containers, losses, initial distributions."""

from rushlight.nn import functional, init, utils
from rushlight.nn.activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from rushlight.nn.container import (
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from rushlight.nn.dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from rushlight.nn.flatten import Flatten, Unflatten
from rushlight.nn.linear import Identity, Linear
from rushlight.nn.module import Module
from rushlight.nn.parameter import Buffer, Parameter

__all__ = [
    "ELU",
    "GELU",
    "Buffer",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "utils",
]
