"""Linear layers."""

from __future__ import annotations

from math import sqrt
from typing import Any

from rushlight.functional.creation import empty
from rushlight.functional.linear import linear
from rushlight.nn import init
from rushlight.nn.module import Steady
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor

__all__ = ["Identity", "Linear"]


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
