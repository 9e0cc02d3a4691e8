"""Activation layers of straight pieces."""

from __future__ import annotations

import warnings
from typing import Any

from rushlight import functional as F
from rushlight.errors import explain
from rushlight.functional.creation import empty
from rushlight.nn.activation import Inplace, in_place
from rushlight.nn.init import constant_
from rushlight.nn.module import Module, Steady
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class ReLU(Inplace):
    """y = max(x, 0).

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReLU()(rl.tensor([-1.0, 2.0]))
        tensor([0., 2.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)


class Hardtanh(Steady):
    """y = x limited to [min_val, max_val].

    Args:
        min_val: float, default -1.
        max_val: float, default 1.
        inplace: accepted; a new tensor is made all the same.
        min_value, max_value: old names of min_val and max_val, with a warning.

    Shape:
        (*) -> (*)

    Raises:
        AssertionError: unless min_val < max_val.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Hardtanh()(rl.tensor([-3.0, 0.5, 3.0])).tolist()
        [-1.0, 0.5, 1.0]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = _renamed("min", min_val, min_value)
        self.max_val = _renamed("max", max_val, max_value)
        self.inplace = inplace
        if not self.min_val < self.max_val:
            got = f"min_val={self.min_val}, max_val={self.max_val}"
            raise AssertionError(explain("Hardtanh", got=got, expected="min_val < max_val"))

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return in_place(self.inplace, f"min_val={self.min_val}, max_val={self.max_val}")


def _renamed(which: str, value: float, old: float | None) -> float:
    if old is None:
        return value
    text = f"Hardtanh: the argument {which}_value is deprecated, use {which}_val"
    warnings.warn(text, FutureWarning, stacklevel=3)
    return old


class ReLU6(Hardtanh):
    """y = min(max(x, 0), 6).

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Attributes:
        min_val, max_val: 0 and 6.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReLU6()(rl.tensor([-1.0, 2.0, 9.0]))
        tensor([0., 2., 6.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return in_place(self.inplace)


class LeakyReLU(Steady):
    """y = x above 0 and negative_slope * x below.

    Args:
        negative_slope: float, default 0.01.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.LeakyReLU(0.5)(rl.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return in_place(self.inplace, f"negative_slope={self.negative_slope}")


class PReLU(Steady):
    """y = x above 0 and weight * x below, for slopes that are learned.

    Args:
        num_parameters: int, 1 (one slope for all channels) or the number of channels; default 1.
        init: float, the slopes at the start; default 0.25.
        device: 'cpu' or None.
        dtype: of the slopes; default the default dtype (float32).

    Shape:
        (*) -> (*); channels are dim 1 of (N, C, *)

    Attributes:
        weight: (num_parameters), `init`.

    Raises:
        RuntimeError: in forward, if num_parameters is neither 1 nor the number of channels, or
            the dtypes differ.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.PReLU()(rl.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]

    Source: https://arxiv.org/abs/1502.01852,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.PReLU.html
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to `init` again."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """y = x above 0 and a * x below, a drawn for each element in training, else the mean.

    Args:
        lower: float, default 1/8.
        upper: float, default 1/3; a is uniform on [lower, upper).
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Raises:
        RuntimeError: in forward, if lower > upper or one of them is not finite.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.RReLU(0.1, 0.3).eval()(rl.tensor([-1.0, 2.0]))
        tensor([-0.2000,  2.0000])

    Source: https://arxiv.org/abs/1505.00853,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.RReLU.html
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training)

    def extra_repr(self) -> str:
        return in_place(self.inplace, f"lower={self.lower}, upper={self.upper}")


class Threshold(Steady):
    """y = x where x > threshold, else value.

    Args:
        threshold: float.
        value: float, what takes the place of x.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Threshold(0.5, 20.0)(rl.tensor([0.1, 0.6]))
        tensor([20.0000,  0.6000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Threshold.html
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value)

    def extra_repr(self) -> str:
        return in_place(self.inplace, f"threshold={self.threshold}, value={self.value}")


class Hardsigmoid(Inplace):
    """y = min(max(x + 3, 0), 6) / 6.

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Hardsigmoid()(rl.tensor([-3.0, 0.0, 9.0])).tolist()
        [0.0, 0.5, 1.0]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input)

    def extra_repr(self) -> str:
        return ""  # as torch


class Hardswish(Inplace):
    """y = x * min(max(x + 3, 0), 6) / 6.

    Args:
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Hardswish()(rl.tensor([-3.0, 1.5, 9.0])).tolist()
        [-0.0, 1.125, 9.0]

    Source: https://arxiv.org/abs/1905.02244,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardswish.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input)

    def extra_repr(self) -> str:
        return ""  # as torch


class Hardshrink(Steady):
    """y = x where |x| > lambd, else 0.

    Args:
        lambd: float, default 0.5.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Hardshrink()(rl.tensor([-2.0, 0.3, 2.0]))
        tensor([-2.,  0.,  2.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Steady):
    """y = x moved by lambd towards 0, and 0 where |x| <= lambd.

    Args:
        lambd: float >= 0, default 0.5.

    Shape:
        (*) -> (*)

    Raises:
        RuntimeError: in forward, if lambd < 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Softshrink()(rl.tensor([-2.0, 0.3, 2.0])).tolist()
        [-1.5, 0.0, 1.5]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Softshrink.html
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"
