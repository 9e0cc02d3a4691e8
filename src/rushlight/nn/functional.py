"""The neural functions, where torch has them: `import rushlight.nn.functional as F`."""

from rushlight.functional.activation import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from rushlight.functional.dropout import dropout, dropout1d, dropout2d, dropout3d
from rushlight.functional.linear import linear
from rushlight.functional.padding import pad
from rushlight.functional.shaping import one_hot

__all__ = [
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
