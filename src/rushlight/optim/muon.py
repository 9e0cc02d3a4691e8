"""Muon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.kernels.products import dot, norm
from rushlight.kernels.reference.steps import lerp
from rushlight.optim.optimizer import Optimizer, check_options

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Muon"]


class Muon(Optimizer):
    r"""Momentum, orthogonalized by Newton and Schulz: w <- w - lr' * NS(m), for matrices only.

    In full, for a parameter w of shape (rows, columns) with the gradient g:

        m <- momentum * m + (1 - momentum) * g
        u = momentum * m + (1 - momentum) * g if nesterov else m
        x = u / max(|u|, eps), then `ns_steps` times, with (a, b, c) = ns_coefficients:
            x <- a * x + (b * x x^T + c * (x x^T)^2) x
        w <- w - lr * weight_decay * w
        w <- w - lr * sqrt(max(1, rows / columns)) * x             (adjust_lr_fn "original")
        w <- w - lr * 0.2 * sqrt(max(rows, columns)) * x           (adjust_lr_fn "match_rms_adamw")

    torch runs the iteration for x in bfloat16 whatever the parameter. Here it runs in the
    parameter's dtype (float16 in float32), so steps agree with torch's to the precision of
    bfloat16 only: the iteration does not converge, and what torch rounds away it keeps.

    Args:
        params: the matrices to train, or groups of them; leave vectors and embeddings to AdamW.
        lr: float (or a Tensor of one element), learning rate; default 1e-3.
        weight_decay: float >= 0, decoupled decay of the weights; default 0.1.
        momentum: float >= 0; default 0.95.
        nesterov: bool, Nesterov's momentum; default True.
        ns_coefficients: three floats; default (3.4445, -4.775, 2.0315).
        eps: float, least norm to divide by; default 1e-7.
        ns_steps: int < 100, iterations; default 5.
        adjust_lr_fn: None or "original", or "match_rms_adamw"; default None.

    Raises:
        ValueError: a negative option, a parameter that is no matrix, an unknown `adjust_lr_fn`; in
            the step: 100 iterations or more, other than three coefficients.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([[1.0, -2.0], [2.0, 1.0]], requires_grad=True)
        >>> optimizer = Muon([w], lr=0.1, weight_decay=0.0, ns_coefficients=(1.5, -0.5, 0.0))
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([[ 0.9553, -1.9106],
                [ 1.9106,  0.9553]], requires_grad=True)

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025,
    https://arxiv.org/abs/2502.16982; https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html
    """

    elementwise = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_options("Muon", lr, momentum=momentum, weight_decay=weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            expected = "None, 'original' or 'match_rms_adamw'"
            got = f"adjust_lr_fn={adjust_lr_fn!r}"
            raise ValueError(explain("Muon", got=got, expected=expected))
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _check(self, params: list[Any]) -> None:
        super()._check(params)
        for i, p in enumerate(params):
            if p._array.ndim != 2:
                raise ValueError(
                    explain(
                        "Muon",
                        got=f"parameter {i} of shape {p._array.shape}",
                        expected="2 dims",
                        fix="give other parameters to an optimizer such as AdamW",
                    )
                )

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the momentum, zeros."""
        return {"momentum_buffer": np.zeros_like(parameter)}

    def update(
        self,
        parameter: Array,
        gradient: Array,
        state: dict[str, Any],
        lr: float,
        group: dict[str, Any],
        first: bool,
        scratch: Sequence[Array],
    ) -> None:
        """Take one step in place."""
        momentum, buffer, (work, ahead) = group["momentum"], state["momentum_buffer"], scratch
        lerp(buffer, gradient, 1 - momentum, work)
        if group["nesterov"]:
            ahead[...] = gradient
            lerp(ahead, buffer, momentum, work)
        else:
            ahead = buffer
        x = _orthogonalized(ahead, group["ns_coefficients"], group["ns_steps"], group["eps"])
        parameter *= 1 - lr * group["weight_decay"]
        if parameter.size:
            parameter -= lr * _scale(parameter.shape, group["adjust_lr_fn"]) * x


def _orthogonalized(matrix: Array, coefficients: Sequence[float], steps: int, eps: float) -> Array:
    """Return about U V^T of a matrix U S V^T, by Newton-Schulz iterations."""
    if steps >= 100 or len(coefficients) != 3:
        got = f"ns_steps={steps}, {len(coefficients)} ns_coefficients"
        raise ValueError(
            explain("Muon.step", got=got, expected="ns_steps < 100 and 3 coefficients")
        )
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    x = x / max(norm(x), eps)
    for _ in range(steps):
        gram = dot(x, x.T)
        x = a * x + dot(b * gram + c * dot(gram, gram), x)
    return x.T if tall else x


def _scale(shape: tuple[int, ...], adjust: str | None) -> float:
    """Return the factor of the rate that makes steps of matrices of any shape alike."""
    rows, columns = shape
    if adjust == "match_rms_adamw":
        return 0.2 * float(max(rows, columns)) ** 0.5
    return float(max(1, rows / columns)) ** 0.5
