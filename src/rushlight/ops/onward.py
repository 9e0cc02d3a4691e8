"""Ops in a row that kernels run in one pass, for calls of which no gradient is wanted.

A convolution may be followed by batch norm by given statistics, by maxima of windows and, behind
the last of them, by relu, a linear layer by batch norm and relu: none of what lies between them is
stored then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from rushlight.kernels import kernel

__all__ = ["onward", "together"]

Call: TypeAlias = tuple[str, Sequence[Any], dict[str, Any]]  # op, other arrays, options

_conv_onward = kernel("conv_onward")
_linear_onward = kernel("linear_onward")
_FOLLOW = {"conv": ("batch_norm_eval", "max_pool"), "linear": ("batch_norm_eval",)}  # in this order
_WINDOWS = ("kernel", "stride", "padding", "dilation", "out_size")


def together(ops: Sequence[tuple[str, dict[str, Any]]]) -> int:
    """Return how many ops, the first of these, `onward` takes: 1 if it can do nothing for it."""
    count = 1
    for name in _FOLLOW.get(ops[0][0], ()):
        if count < len(ops) and ops[count][0] == name and "relu" not in ops[count - 1][1]:
            count += 1
    return count


def onward(x: Any, calls: Sequence[Call]) -> Any:
    """Run such ops on x."""
    (first, (w, b), given), *rest = calls
    norm: Any
    pool: Any
    norm, pool = (None, None, None, None, 0.0), None
    relu = given.get("relu", False)
    for name, arrays, options in rest:
        relu = options.get("relu", False)
        if name == "max_pool":
            pool = tuple([options[key] for key in _WINDOWS])
        else:
            mean, var = (options[key].astype(x.dtype, copy=False) for key in ("mean", "var"))
            norm = (mean, var, *arrays, options["eps"])
    if first == "linear":
        return _linear_onward(x, w, b, *norm, relu)
    geometry = (given["stride"], given["padding"], given["dilation"], given["groups"])
    return _conv_onward(x, w, b, *norm, *geometry, pool, relu)
