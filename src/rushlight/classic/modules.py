"""The nn.Modules behind layers that `rushlight.nn` has no module for, of tensor functions."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any, NoReturn

from rushlight import nn
from rushlight.autograd import Function
from rushlight.errors import ShapeError, explain
from rushlight.functional.creation import empty
from rushlight.functional.dropout import check_probability, draw_factor
from rushlight.kernels import kernel
from rushlight.nn import functional as F
from rushlight.nn import init
from rushlight.ops import norm
from rushlight.ops.dropout import dropout
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__ = [
    "NLL",
    "AveragedNorm",
    "BatchNorm",
    "CentredConv",
    "ClippedNLL",
    "Dropout",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "MeanOverBatch",
    "NormalConv",
    "Scaling",
    "SquaredError",
    "UniformScaling",
    "WholeAvgPool",
    "WholeMaxPool",
]

_follow = kernel("follow")


# ---- layers


class Dropout(nn.Dropout):
    """`nn.Dropout` that keeps the factors of its last call: 0 or 1 / (1 - p); None for 1."""

    factor: Any = None

    def forward(self, input: Tensor) -> Tensor:
        check_probability(self.p)
        members = self.__dict__  # not by setattr, after which rows of layers are looked at again
        members["factor"] = None
        if not self.training or self.p == 0.0 or not input._array.size:
            return input
        drawn = draw_factor(input._array, self.p)
        members["factor"] = drawn["factor"]
        return apply(dropout, (input,), drawn)


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` that takes (N, C), too."""

    _dims = (2, 4)  # type: ignore[assignment]
    _shapes = "(N, C) or (N, C, H, W)"


class AveragedNorm(nn.Module):
    """y = (x - mean) / sqrt(var + eps) by channel, with averages of the biased variance.

    moving = alpha * moving + (1 - alpha) * batch, and the batch's own at first.
    """

    moving_mean: Tensor | None
    moving_variance: Tensor | None

    def __init__(self, alpha: float, eps: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.eps = eps
        self.register_buffer("moving_mean", None)
        self.register_buffer("moving_variance", None)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (2, 4):
            _refuse("BatchNormalization", input, "(N, C) or (N, C, H, W)")
        if self.training:
            results: Any = apply(norm.batch_norm_train, (input, None, None), {"eps": self.eps})
            y, mean, variance = results
            if input._array.size:
                self._average(mean, variance)
            return y
        mean, variance = self.moving_mean, self.moving_variance
        if mean is None or variance is None:
            raise RuntimeError(
                explain(
                    "BatchNormalization",
                    got="evaluation before the first batch",
                    expected="moving statistics",
                    fix="train() and forward a batch first, or assign moving_mean and "
                    "moving_variance",
                )
            )
        given = {"mean": mean._array.copy(), "var": variance._array.copy(), "eps": self.eps}
        return apply(norm.batch_norm_eval, (input, None, None), given)

    def _average(self, mean: Tensor, variance: Tensor) -> None:
        if self.moving_mean is None or self.moving_variance is None:
            self.moving_mean = wrap(mean._array.copy())
            self.moving_variance = wrap(variance._array.copy())
        else:
            moving = self.moving_mean._array, self.moving_variance._array
            _follow(*moving, mean._array, variance._array, 1.0 - self.alpha, 1.0)


class Scaling(nn.Module):
    """y = gamma x + beta, one of each for each channel (dim 1)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(empty(n))
        self.beta = nn.Parameter(empty(n))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set gamma 1 and beta 0."""
        init.ones_(self.gamma)
        init.zeros_(self.beta)

    def forward(self, input: Tensor) -> Tensor:
        n = self.gamma.shape[0]
        if input.ndim < 2 or input.shape[1] != n:
            _refuse("ChannelwiseScaling", input, f"(N, {n}) or (N, {n}, H, W)")
        column = (n, *[1] * (input.ndim - 2))  # (C,) -> (C, 1, 1)
        return input * self.gamma.view(column) + self.beta.view(column)


class UniformScaling(Scaling):
    """`Scaling` with gamma and beta uniform on ±1 / sqrt(n)."""

    def reset_parameters(self) -> None:
        """Draw gamma and beta."""
        bound = 1 / sqrt(self.gamma.shape[0])
        init.uniform_(self.gamma, -bound, bound)
        init.uniform_(self.beta, -bound, bound)


class NormalConv(nn.Conv2d):
    """`nn.Conv2d` with a weight of N(0, sqrt(2 / fan_in)) and bias 0."""

    def reset_parameters(self) -> None:
        """Draw the weight."""
        fan_in = prod(self.weight.shape[1:])
        init.normal_(self.weight, 0.0, sqrt(2 / fan_in) if fan_in else 0.0)
        if self.bias is not None:
            init.zeros_(self.bias)


class CentredConv(nn.Conv2d):
    """`nn.Conv2d` with weight and bias uniform on ±1 / sqrt(in_channels)."""

    def reset_parameters(self) -> None:
        """Draw weight and bias."""
        bound = 1 / sqrt(self.in_channels) if self.in_channels else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)


class GlobalMaxPool(nn.Module):
    """(N, C, H, W) -> (N, C), the maxima of the planes; equal ones share the gradient."""

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            _refuse("GlobalMaxPool2d", input, "(N, C, H, W)")
        return input.amax((2, 3))


class GlobalAvgPool(nn.Module):
    """(N, C, H, W) -> (N, C), the means of the planes."""

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            _refuse("GlobalAvgPool2d", input, "(N, C, H, W)")
        return input.mean((2, 3))


class WholeMaxPool(nn.MaxPool2d):
    """`nn.MaxPool2d` of planes that the windows divide."""

    def forward(self, input: Tensor) -> Any:
        _divisible("MaxPool2d", input, self.kernel_size)
        return super().forward(input)


class WholeAvgPool(nn.AvgPool2d):
    """`nn.AvgPool2d` of planes that the windows divide."""

    def forward(self, input: Tensor) -> Tensor:
        _divisible("AvgPool2d", input, self.kernel_size)
        return super().forward(input)


def _divisible(where: str, input: Tensor, kernel: Any) -> None:
    if any(size % kernel for size in input.shape[-2:]):
        _refuse(where, input, f"height and width divisible by {kernel}")


# ---- losses


class MeanOverBatch(nn.Module):
    """A sum over everything, or its negative, divided by the batch size N."""

    _name, _fix, _sign = "", "", 1

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        if input.shape != target.shape or not input.ndim:
            got, fix = f"input {input.shape} and target {target.shape}", self._fix
            raise ShapeError(explain(self._name, got=got, expected="one shape (N, *)", fix=fix))
        return self.total(input, target) / (self._sign * max(input.shape[0], 1))

    def total(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the sum."""
        raise NotImplementedError


class SquaredError(MeanOverBatch):
    """sum of (x - t)^2, over N."""

    _name = "MSECriterion"

    def total(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction="sum")


class NLL(MeanOverBatch):
    """-sum of t * x, over N; x are log probabilities."""

    _name, _fix = "ClassNLLCriterion", "targets are one-hot: np.eye(C)[labels]"
    _sign = -1

    def total(self, input: Tensor, target: Tensor) -> Tensor:
        return input.reshape(-1) @ target.reshape(-1)


class ClippedNLL(NLL):
    """-sum of t * ln(x clipped to [eps, 1 - eps]), over N; the gradient passes the clipping."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def total(self, input: Tensor, target: Tensor) -> Tensor:
        return super().total(_Clip.apply(input, self.eps).log(), target)


class _Clip(Function):
    """x clipped to [eps, 1 - eps], with the gradient of x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        return x.clamp(eps, 1 - eps)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0], None


def _refuse(where: str, input: Tensor, expected: str) -> NoReturn:
    raise ShapeError(explain(where, got=f"input {input.shape}", expected=expected))
