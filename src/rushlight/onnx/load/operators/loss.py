"""Losses of classes: negative log-likelihood and cross-entropy of softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight import functional as F
from rushlight.onnx.load.table import Node, operator
from rushlight.tensor import Tensor

__all__: list[str] = []

_NEVER = -(2**62)  # no class: nothing is ignored where the file does not say what


def _loss(
    node: Node, function: Callable[..., Tensor], x: Tensor, target: Tensor, weight: Tensor | None
) -> Tensor:
    ignored = int(node.get("ignore_index", _NEVER))
    reduction = node.get("reduction", "mean")
    return function(x, target.to(np.int64), weight, ignore_index=ignored, reduction=reduction)


@operator("NegativeLogLikelihoodLoss", since=12)
def _nll(node: Node, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    return _loss(node, F.nll_loss, x, target, weight)


@operator("SoftmaxCrossEntropyLoss", since=12)
def _cross_entropy(node: Node, x: Tensor, target: Tensor, weight: Tensor | None = None) -> Any:
    if not node.wants(1):
        return _loss(node, F.cross_entropy, x, target, weight)
    log_prob = F.log_softmax(x, 1)
    return _loss(node, F.nll_loss, log_prob, target, weight), log_prob
