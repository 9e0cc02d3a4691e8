"""Initial distributions: each function fills a tensor in place, untracked, and returns it.

`generator` is the Generator to draw from; default the one that `rushlight.manual_seed` restarts.

Source: https://docs.pytorch.org/docs/stable/nn.init.html
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import ceil, erf, prod, sqrt
from typing import Any, TypeVar

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.random import Generator, source_of
from rushlight.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "skipped",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_Draw = TypeVar("_Draw", bound=Callable[..., Tensor])
_skipped: ContextVar[bool] = ContextVar("skipped", default=False)

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which a weight is scaled for the activation behind it.

    Args:
        nonlinearity: 'linear', 'conv1d', ..., 'sigmoid', 'tanh', 'relu', 'leaky_relu' or 'selu'.
        param: the negative slope of 'leaky_relu'; default 0.01.

    Raises:
        ValueError: for another name, or a slope that is not a number.

    Example:
        >>> calculate_gain("leaky_relu", 1.0)
        1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(explain("calculate_gain", got=repr(param), expected="a slope"))
        return sqrt(2.0 / (1.0 + slope * slope))
    if nonlinearity not in _GAINS:
        raise ValueError(
            explain("calculate_gain", got=repr(nonlinearity), expected=[*_GAINS, "leaky_relu"])
        )
    return _GAINS[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs an output sums, and how many outputs an input feeds."""
    if tensor.ndim < 2:
        raise ValueError(
            explain("fan in and fan out", got=f"a tensor {tensor.shape}", expected="2 dims or more")
        )
    out, into, *window = tensor.shape
    return into * prod(window), out * prod(window)


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        return tensor.copy_(values)


@contextmanager
def skipped() -> Iterator[None]:
    """Within it nothing is drawn: parameters hold whatever is in the memory, and need be loaded.

    A large model is then made in no time, and the random numbers go on as if it were not.

    Example:
        >>> import rushlight as rl
        >>> with rl.nn.init.skipped():
        ...     layer = rl.nn.Linear(2, 2)
        >>> layer.load_state_dict({"weight": rl.eye(2), "bias": rl.zeros(2)})
        <All keys matched successfully>
    """
    before = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(before)


def _drawn(function: _Draw) -> _Draw:
    """Let a function that draws leave the tensor as it is within `skipped()`."""

    @functools.wraps(function)
    def draw(tensor: Tensor, *args: Any, **options: Any) -> Tensor:
        return tensor if _skipped.get() else function(tensor, *args, **options)

    return draw  # type: ignore[return-value]


@_drawn
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Draw from the uniform distribution on [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


@_drawn
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Draw from the normal distribution."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


@_drawn
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the normal distribution, conditioned on [a, b].

    Args:
        mean, std: of the normal distribution before it is cut; default 0 and 1.
        a, b: the bounds, in the unit of the values (not in std); default -2 and 2.

    Raises:
        ValueError: if std <= 0 or a > b.
    """
    if not (std > 0 and a <= b):
        raise ValueError(
            explain("trunc_normal_", got=f"std={std} on [{a}, {b}]", expected="std > 0, a <= b")
        )
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "trunc_normal_: the mean is more than 2 std from [a, b]", UserWarning, stacklevel=2
        )
    draw = _truncated(tensor.numel(), mean, std, a, b, source_of(generator))
    return _fill(tensor, np.clip(draw.reshape(tensor.shape).astype(tensor.dtype), a, b))


def _truncated(n: int, mean: float, std: float, a: float, b: float, source: Generator) -> Array:
    """Draw, and draw again what is refused: from the normal, or a box if that rarely hits."""
    often = erf((b - mean) / (std * sqrt(2))) - erf((a - mean) / (std * sqrt(2))) > 0.6
    peak = ((max(a, min(mean, b)) - mean) / std) ** 2
    out = np.empty(n)
    left = np.arange(n)
    while left.size:
        if often:
            found = source.normal(left.shape, mean, std)
            taken = (found >= a) & (found <= b)
        else:
            found = source.uniform(left.shape, a, b)
            height = np.exp(0.5 * (peak - ((found - mean) / std) ** 2))
            taken = source.uniform(left.shape) < height
        out[left[taken]] = found[taken]
        left = left[~taken]
    return out


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity."""
    if tensor.ndim != 2:
        raise ValueError(explain("eye_", got=f"a tensor {tensor.shape}", expected="2 dims"))
    rows, cols = tensor.shape
    return _fill(tensor, np.eye(rows, cols))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make the weight of a convolution pass channels through unchanged.

    Args:
        tensor: (F, C, *) with 1 to 3 spatial dims.
        groups: int, each group passes its own channels; default 1.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(explain("dirac_", got=f"a tensor {tensor.shape}", expected="3 to 5 dims"))
    filters, channels, *window = tensor.shape
    if filters % groups:
        raise ValueError(
            explain("dirac_", got=f"{filters} filters", expected=f"a multiple of groups={groups}")
        )
    values = np.zeros(tensor.shape)
    centre = tuple(n // 2 for n in window)
    for group in range(groups):
        first = group * (filters // groups)
        for i in range(min(filters // groups, channels)):
            values[(first + i, i, *centre)] = 1.0
    return _fill(tensor, values)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Draw from the uniform distribution on ±gain * sqrt(6 / (fan_in + fan_out)) (Glorot).

    Source: https://proceedings.mlr.press/v9/glorot10a.html
    """
    bound = gain * sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from the normal distribution of std gain * sqrt(2 / (fan_in + fan_out)) (Glorot).

    Source: https://proceedings.mlr.press/v9/glorot10a.html
    """
    return normal_(tensor, 0.0, gain * sqrt(2.0 / sum(_fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """Return gain / sqrt(fan), or None where there is nothing to fill."""
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(explain("kaiming", got=f"mode={mode!r}", expected="'fan_in' or 'fan_out'"))
    if 0 in tensor.shape:
        warnings.warn("initializing a tensor without elements does nothing", stacklevel=3)
        return None
    fan = _fans(tensor)[0 if mode.lower() == "fan_in" else 1]
    return calculate_gain(nonlinearity, a) / sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the uniform distribution on ±gain * sqrt(3 / fan) (He).

    Args:
        a: the negative slope of 'leaky_relu'; default 0.
        mode: 'fan_in' keeps the variance in the forward pass, 'fan_out' in the backward pass.
        nonlinearity: what `calculate_gain` takes; default 'leaky_relu'.

    Source: https://arxiv.org/abs/1502.01852
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    return uniform_(tensor, -sqrt(3.0) * std, sqrt(3.0) * std, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the normal distribution of std gain / sqrt(fan) (He).

    Args:
        a: the negative slope of 'leaky_relu'; default 0.
        mode: 'fan_in' keeps the variance in the forward pass, 'fan_out' in the backward pass.
        nonlinearity: what `calculate_gain` takes; default 'leaky_relu'.

    Source: https://arxiv.org/abs/1502.01852
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


@_drawn
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Make the rows (or the columns, if there are fewer) orthonormal, times `gain`.

    Further dims are flattened into the columns. The distribution is uniform over such matrices.

    Source: https://arxiv.org/abs/1312.6120
    """
    if tensor.ndim < 2:
        raise ValueError(
            explain("orthogonal_", got=f"a tensor {tensor.shape}", expected="2 dims or more")
        )
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    cols = tensor.numel() // rows
    draw = source_of(generator).normal((max(rows, cols), min(rows, cols)))
    q, r = np.linalg.qr(draw)
    q *= np.sign(np.diagonal(r))  # else the signs are LAPACK's, and the distribution not uniform
    return _fill(tensor, gain * (q.T if rows < cols else q).reshape(tensor.shape))


@_drawn
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Draw a matrix from the normal distribution and zero a share of each column.

    Args:
        sparsity: float, the share of each column that is 0.
        std: of the other elements; default 0.01.
    """
    if tensor.ndim != 2:
        raise ValueError(explain("sparse_", got=f"a tensor {tensor.shape}", expected="2 dims"))
    rows, cols = tensor.shape
    source = source_of(generator)
    values = source.normal(tensor.shape, 0.0, std)
    for col in range(cols):
        values[source.permutation(rows)[: ceil(sparsity * rows)], col] = 0.0
    return _fill(tensor, values)
