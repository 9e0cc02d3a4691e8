"""Normalization over batches, instances, groups, layers and neighbouring channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.functional import batch_norm, norm, reshape, rsqrt, std_mean, var_mean, where
from rushlight.functional.normalization import squares_across
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import like
from rushlight.ops import norm as ops
from rushlight.tape import apply
from rushlight.tensor import Tensor

__all__: list[str] = []

_STASH = {1: np.float32, 10: np.float16, 11: np.float64}


def _widened(node: Node, *values: Any) -> list[Any]:
    """Return tensors in the dtype that `stash_type` names, None as it is."""
    dtype = np.dtype(_STASH.get(node.get("stash_type", 1), np.float32))
    wide = np.promote_types(values[0].dtype, dtype)
    return [v if v is None else v.to(wide) for v in values]


def _where(node: Node) -> str:
    return f"{node.op} ({node.name})"


# ---- batch normalization


@operator("BatchNormalization")
def _batch_norm_by_outputs(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor
) -> Any:
    """Before version 14 a node that wants the batch's statistics normalizes by them."""
    by_batch = any(node.wants(i) for i in range(1, 5))
    if node.get("spatial", 1) or x.ndim < 3:
        return _batch_norm(node, x, scale, bias, mean, var, by_batch)
    a, b, m, v = (reshape(each, (-1,)) for each in (scale, bias, mean, var))
    flat = reshape(x, (x.shape[0], -1))  # a channel for each place
    found = _batch_norm(node, flat, a, b, m, v, by_batch)
    if not by_batch:
        return reshape(found, x.shape)
    return reshape(found[0], x.shape), *(reshape(each, scale.shape) for each in found[1:])


@operator("BatchNormalization", since=14)
def _batch_norm_by_mode(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor
) -> Any:
    return _batch_norm(node, x, scale, bias, mean, var, bool(node.get("training_mode", 0)))


def _batch_norm(
    node: Node, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, by_batch: bool
) -> Any:
    """Return y, and if `by_batch` what the statistics have become and those of the batch.

    In ONNX `momentum` is the share that stays, and all variances are biased. A node that goes by
    given statistics goes by the batch while its module trains, and moves them as a layer does.
    """
    eps, keep = float(node.get("epsilon", 1e-5)), float(node.get("momentum", 0.9))
    for name, value in (("mean", mean), ("var", var)):
        if value.shape != x.shape[1:2]:
            got = f"input {x.shape} with {name} {value.shape}"
            raise ShapeError(explain(_where(node), got=got, expected=f"{name} {x.shape[1:2]}"))
    wide = x if x.dtype in (np.float32, np.float64) else x.to(np.float32)
    scale, bias = like(scale, wide.dtype), like(bias, wide.dtype)
    if not by_batch:
        if not node.training:
            mean, var = like(mean, wide.dtype), like(var, wide.dtype)
        rule = (node.training, 1.0 - keep, eps)
        return batch_norm(wide, mean, var, scale, bias, *rule).to(x.dtype)
    found: Any = apply(ops.batch_norm_train, (wide, scale, bias), {"eps": eps})
    y, *batch = found
    new = [
        old * keep + now.to(old.dtype) * (1.0 - keep)
        for old, now in zip((mean, var), batch, strict=True)
    ]
    return y.to(x.dtype), *new, *(now.to(mean.dtype) for now in batch)


# ---- groups of channels


def _by_groups(x: Tensor, groups: int, eps: float, scale: Any = None, bias: Any = None) -> Tensor:
    found: Any = apply(ops.group_norm, (x, scale, bias), {"groups": groups, "eps": eps})
    y: Tensor = found[0]
    return y


@operator("InstanceNormalization")
def _instance_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    eps = float(node.get("epsilon", 1e-5))
    return _by_groups(x, x.shape[1], eps, scale.to(x.dtype), bias.to(x.dtype))


@operator("GroupNormalization", since=18)
def _group_norm_by_group(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Up to version 20 scale and bias have a value for each group, not for each channel."""
    groups, c = int(node["num_groups"]), x.shape[1]
    if scale.shape != (groups,) or bias.shape != (groups,):
        got = f"scale {scale.shape} and bias {bias.shape}"
        raise ShapeError(explain(_where(node), got=got, expected=(groups,)))
    each = [reshape(reshape(v, (-1, 1)).expand(groups, c // groups), (c,)) for v in (scale, bias)]
    return _by_groups(x, groups, float(node.get("epsilon", 1e-5)), *each)


@operator("GroupNormalization", since=21)
def _group_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    wide, *each = _widened(node, x, scale, bias)
    y = _by_groups(wide, int(node["num_groups"]), float(node.get("epsilon", 1e-5)), *each)
    return y.to(x.dtype)


@operator("MeanVarianceNormalization", since=9)
def _mean_variance(node: Node, x: Tensor) -> Tensor:
    dims = tuple(node.get("axes", [0, 2, 3]))
    deviation, centre = std_mean(x, dims, keepdim=True, correction=0)
    return (x - centre) / (deviation + 1e-9)


# ---- the last dims


def _normalized(node: Node, x: Tensor) -> tuple[int, ...]:
    """Return the sizes of the dims from `axis` on."""
    axis = int(node.get("axis", -1))
    if not -x.ndim <= axis < x.ndim:
        got, expected = f"axis={axis} for an input {x.shape}", f"{-x.ndim} to {x.ndim - 1}"
        raise ValueError(explain(_where(node), got=got, expected=expected))
    return tuple(x.shape[axis:])


@operator("LayerNormalization", since=17)
def _layer_norm(node: Node, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Any:
    shape, eps = _normalized(node, x), float(node.get("epsilon", 1e-5))
    (wide,) = _widened(node, x)
    fused = all(v is None or v.shape == shape for v in (scale, bias)) and x.dtype == wide.dtype
    factors = (scale, bias) if fused else (None, None)
    options = {"normalized_shape": shape, "eps": eps}
    y: Tensor = apply(ops.layer_norm, (wide, *factors), options).to(x.dtype)
    if not fused:
        y = y * scale if bias is None else y * scale + bias
    if not (node.wants(1) or node.wants(2)):
        return y
    dims = tuple(range(x.ndim - len(shape), x.ndim))
    spread, centre = var_mean(wide, dims, keepdim=True, correction=0)
    return y, centre, rsqrt(spread + eps)


@operator("RMSNormalization", since=23)
def _rms_norm(node: Node, x: Tensor, scale: Tensor) -> Tensor:
    shape, eps = _normalized(node, x), float(node.get("epsilon", 1e-5))
    (wide,) = _widened(node, x)
    fused = scale.shape == shape and scale.dtype == wide.dtype == x.dtype
    options = {"normalized_shape": shape, "eps": eps}
    y: Tensor = apply(ops.rms_norm, (wide, scale if fused else None), options).to(x.dtype)
    return y if fused else y * scale


# ---- norms and neighbours


@operator("LpNormalization")
def _lp_norm(node: Node, x: Tensor) -> Tensor:
    """x / norm, 0 where the norm is 0."""
    length = norm(x, float(node.get("p", 2)), int(node.get("axis", -1)), keepdim=True)
    return x / where(length == 0, 1.0, length)


@operator("LRN")
def _local_response(node: Node, x: Tensor) -> Tensor:
    """x / (bias + alpha / size * sum of squares)^beta: floor((size - 1) / 2) channels before."""
    size = int(node["size"])
    alpha, beta = float(node.get("alpha", 1e-4)), float(node.get("beta", 0.75))
    before = (size - 1) // 2
    squares = squares_across(x, _where(node), size, before, size - 1 - before)
    return x / (squares * alpha + float(node.get("bias", 1.0))) ** beta
