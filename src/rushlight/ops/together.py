"""Batch norm by the statistics of the batches of several processes.

Not in the table of ops: it is one computation of several processes, and what sums over them comes
in as an option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array, widened
from rushlight.errors import explain
from rushlight.kernels import kernel
from rushlight.ops.contract import Op, Saved
from rushlight.ops.norm import check_train

__all__ = ["batch_norm_together"]

_moments = kernel("batch_moments")
_eval = kernel("batch_norm_eval")
_eval_grad = kernel("batch_norm_eval_grad")
_through = kernel("batch_norm_through")

Add = Callable[[Array], Array]


def _forward(x: Any, w: Any, b: Any, eps: float, add: Add) -> tuple[tuple[Any, ...], Saved]:
    """Normalize by the mean and the biased variance of all processes.

    Args:
        x: (N, C, *), of which N may be 0 in some of the processes.
        w, b: (C,) or None.
        eps: added to the variance.
        add: float64 array -> its sum over all processes; it may write to it.

    Returns:
        y, mean (C,), variance (C,) and how many values of each channel there are, ().
    """
    given, dtype = (x, w), x.dtype
    x, w, b = map(widened, (x, w, b))
    here = x.size // max(x.shape[1], 1)
    own_mean, squares = _moments(x)
    found = add(np.append(own_mean * here, here))
    count = found[-1]
    if count < 2:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, got {count:.0f} in "
            "all processes; call eval() to use the running statistics"
        )
    mean = found[:-1] / count
    # about the mean of all, not their own: Chan, Golub and LeVeque's joining of two
    squares += here * (own_mean - mean) ** 2
    mean, var = mean.astype(x.dtype), (add(squares) / count).astype(x.dtype)
    y, rstd = _eval(x, mean, var, w, b, eps)
    outputs = (*[value.astype(dtype, copy=False) for value in (y, mean, var)], np.asarray(count))
    return outputs, Saved((*given, None), constants=(mean, rstd, count, add))


def _backward(saved: Saved, grads: Sequence[Any], needs: Sequence[bool]) -> Sequence[Any]:
    """dx = rstd w (g - mean(g) - normal mean(g normal)), means over the values of all processes."""
    x, w, g = map(widened, (*saved.inputs[:2], grads[0]))
    mean, rstd, count, add = saved.constants
    if g is None or any(grad is not None for grad in grads[1:]):
        expected = "no gradient through its statistics"
        raise NotImplementedError(
            explain("batch norm of several processes", got="one", expected=expected)
        )
    dx, dw, db = _eval_grad(g, x, mean, rstd, w, (False, True, True))
    if needs[0]:
        sums = add(np.concatenate([dw, db], dtype=np.float64)) / count
        along, total = np.split(sums, 2)
        scale = (rstd if w is None else rstd * w).astype(np.float64)
        dx = _through(g, x, mean, scale, -along * rstd * scale, -total * scale)
    dtype, found = saved.inputs[0].dtype, (dx, dw, db)
    pairs = zip(found, needs, strict=True)
    return [value.astype(dtype, copy=False) if need else None for value, need in pairs]


def _graph_backward(saved: Saved, grads: Sequence[Any], needs: Sequence[bool]) -> Sequence[Any]:
    raise NotImplementedError(
        explain(
            "batch norm of several processes",
            got="create_graph=True",
            expected="a first derivative",
            fix="second derivatives exist within one process",
        )
    )


batch_norm_together = Op(
    "batch_norm_together",
    _forward,
    _backward,
    graph_backward=_graph_backward,
    fresh=True,
    check=check_train,
)
