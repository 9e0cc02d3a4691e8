"""Linear layers."""

from __future__ import annotations

from math import sqrt
from typing import Any

from rushlight.errors import explain
from rushlight.functional.creation import empty
from rushlight.functional.linear import bilinear, linear
from rushlight.nn import init
from rushlight.nn.module import Module, Steady
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Steady):
    """y = x, whatever it is made with: the place of a layer that is left out.

    Args:
        *args, **kwargs: ignored.

    Shape:
        (*) -> (*)

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Identity(54, unused=True)(rl.ones(2))
        tensor([1., 1.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Steady):
    """y = x W^T + b over the last dim.

    Args:
        in_features: int, size of the last dim of the input.
        out_features: int, size of the last dim of the output.
        bias: bool, whether to add b; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (*, in_features) -> (*, out_features)

    Attributes:
        weight: (out_features, in_features), uniform on ±1 / sqrt(in_features).
        bias: (out_features), uniform on ±1 / sqrt(in_features); or None.

    Raises:
        RuntimeError: in forward, if the last dim of the input is not in_features or the dtypes
            differ.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Linear(20, 30)
        >>> layer(rl.zeros(128, 20)).shape
        (128, 30)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial weight and bias again."""
        init.kaiming_uniform_(self.weight, a=sqrt(5))  # the bound is then 1 / sqrt(in_features)
        if self.bias is not None:
            bound = 1 / sqrt(self.in_features) if self.in_features > 0 else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """y_o = x1^T W_o x2 + b_o over the last dims.

    Args:
        in1_features: int > 0, size of the last dim of the first input.
        in2_features: int, size of the last dim of the second input.
        out_features: int, size of the last dim of the output.
        bias: bool, whether to add b; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (*, in1_features), (*, in2_features) -> (*, out_features)

    Attributes:
        weight: (out_features, in1_features, in2_features), uniform on ±1 / sqrt(in1_features).
        bias: (out_features), uniform on ±1 / sqrt(in1_features); or None.

    Raises:
        ValueError: if in1_features is not > 0.
        RuntimeError: in forward, if shapes do not fit or the dtypes differ.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Bilinear(20, 30, 40)
        >>> layer(rl.zeros(128, 20), rl.zeros(128, 30)).shape
        (128, 40)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Bilinear.html
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            got = f"in1_features={in1_features}"
            raise ValueError(explain("Bilinear", got=got, expected="an int > 0"))
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(*shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial weight and bias again."""
        bound = 1 / sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
