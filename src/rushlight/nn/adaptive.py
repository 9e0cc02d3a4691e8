"""Losses that hold the linear layer of their scores, for many classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.activation import log_softmax
from rushlight.functional.creation import zeros
from rushlight.functional.linear_loss import LinearCrossEntropyOptions, linear_cross_entropy
from rushlight.functional.picking import gather, index_add
from rushlight.functional.reduction import argmax
from rushlight.functional.shaping import cat
from rushlight.nn.container import ModuleList, Sequential
from rushlight.nn.linear import Linear
from rushlight.nn.loss import WeightedLoss
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss", "LinearCrossEntropyOptions"]


class LinearCrossEntropyLoss(WeightedLoss):
    """Cross-entropy of the linear layer x W^T + b, which it holds.

    Args:
        in_features: int, size F of a sample.
        num_classes: int, C.
        out_features: tuple of ints S, of the dims of the loss; default ().
        bias: bool, whether to add b; default False.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).
        reduction: str, 'mean', 'sum' or 'none'; default 'mean'.
        weight: Tensor (C), of each class; default 1. With class indices the mean divides by the
            targets' weights.
        ignore_index: int, a class index that does not count; default None, which stands for -100.
        label_smoothing: float in [0, 1], the share of the target that is spread over all classes;
            default 0.0.
        options: `LinearCrossEntropyOptions`, to take few rows at a time, so that the scores of all
            are never in memory; default None, which takes all at once.

    Shape:
        (N, F) or (F), and int64 (N, *S) or (), or probabilities (N, C, *S) or (C) -> (), or
        (N, *S) or () with 'none'.

    Attributes:
        linear: Linear, of weight (C * prod(S), F) uniform on ±1 / sqrt(F).
        weight: (C), a buffer, or None.

    Raises:
        RuntimeError: if the weight has another shape, or label_smoothing is outside [0, 1].
        IndexError: in forward, if a target is not a class.
        ShapeError, DtypeError: in forward, if shapes or dtypes do not fit.

    Example:
        >>> import rushlight as rl
        >>> loss = rl.nn.LinearCrossEntropyLoss(4, 10)
        >>> loss(rl.ones(3, 4), rl.tensor([1, 0, 9])).shape
        ()

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LinearCrossEntropyLoss.html
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        name = "LinearCrossEntropyLoss"
        if weight is not None and weight.shape != (num_classes,):
            got, expected = f"weight {weight.shape}", f"({num_classes},), one per class"
            raise ShapeError(explain(name, got=got, expected=expected))
        if not 0 <= label_smoothing <= 1:
            got = f"label_smoothing={label_smoothing}"
            raise RuntimeError(explain(name, got=got, expected="0.0 to 1.0"))
        super().__init__(weight, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        rows = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        scores, bias = (self.num_classes, *self.out_features), self.linear.bias
        return linear_cross_entropy(
            input,
            self.linear.weight.reshape(*scores, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(scores),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class OutputAndLoss(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over many classes whose frequencies differ, in clusters of them.

    ln p(c) = ln p_head(c) of a frequent class, and ln p_head(cluster) + ln p_cluster(c) of another:
    the head is a softmax over the frequent classes and the clusters, and each cluster a softmax
    over its classes, from ever smaller projections. Classes are numbered from the most frequent.

    Args:
        in_features: int, size F of a sample.
        n_classes: int, number of classes C.
        cutoffs: ints, increasing, from 1 to C - 1: where the clusters begin.
        div_value: float, by which the projections get smaller: cluster i is made from
            F // div_value^(i + 1) features; default 4.0.
        head_bias: bool, whether the head has a bias; default False.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (N, F), int64 (N) or (F), () -> output (N) or (), ln p of the targets; and loss (), the mean
        of -output.

    Attributes:
        head: Linear, (cutoffs[0] + number of clusters, F).
        tail: ModuleList of a Sequential of two Linears without bias for each cluster.

    Raises:
        ValueError: if the cutoffs are none.
        ShapeError, DtypeError: in forward, if shapes do not fit or the target is not of integers.
        RuntimeError: in forward, if a target is not a class.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[5, 10])
        >>> output, loss = layer(rl.ones(3, 16), rl.tensor([0, 7, 19]))
        >>> output.shape, layer.log_prob(rl.ones(3, 16)).shape
        ((3,), (3, 20))

    Source: Grave et al., Efficient softmax approximation for GPUs, 2017;
    https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        bounds = [0, *cutoffs, n_classes]
        if not cutoffs or any(a >= b or int(b) != b for a, b in pairwise(bounds)):
            raise ValueError(
                explain(
                    "AdaptiveLogSoftmaxWithLoss",
                    got=f"cutoffs={cutoffs}",
                    expected=f"one or more increasing ints from 1 to {n_classes - 1}",
                )
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            size = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, size, bias=False, **options),
                    Linear(size, high - low, bias=False, **options),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all initial weights and the bias again."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster:
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> OutputAndLoss:
        self._check(input_, target_)
        if not target_.ndim:
            output, loss = self.forward(input_.unsqueeze(0), target_.unsqueeze(0))
            return OutputAndLoss(output.squeeze(0), loss)
        found = zeros(target_.shape[0], dtype=input_.dtype)
        places = target_.long()  # in the head: of the class, or of its cluster
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            rows = ((target_ >= low) & (target_ < high)).nonzero(as_tuple=True)[0]
            if not rows.numel():
                continue
            logs = log_softmax(self.tail[i](input_[rows]), 1)
            own = gather(logs, 1, (target_[rows].long() - low).unsqueeze(1)).squeeze(1)
            found = index_add(found, 0, rows, own)
            places = places.index_fill(0, rows, self.shortlist_size + i)
        logs = log_softmax(self.head(input_), 1)
        output = found + gather(logs, 1, places.unsqueeze(1)).squeeze(1)
        return OutputAndLoss(output, (-output).mean())

    def _check(self, x: Tensor, target: Tensor) -> None:
        name = "AdaptiveLogSoftmaxWithLoss"
        if target.ndim > 1 or x.ndim != target.ndim + 1 or x.shape[:-1] != target.shape:
            got = f"input {x.shape} and target {target.shape}"
            raise ShapeError(explain(name, got=got, expected="(N, F) and (N), or (F) and ()"))
        if target.is_floating_point():
            got = f"target {target.dtype.name}"
            raise DtypeError(explain(name, got=got, expected="integers", fix="target.long()"))
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < self.n_classes:
            got = f"classes from {int(target.min())} to {int(target.max())}"
            raise RuntimeError(explain(name, got=got, expected=f"0 to {self.n_classes - 1}"))

    def log_prob(self, input: Tensor) -> Tensor:
        """Return ln p of all classes: (N, F) -> (N, C)."""
        return self._log_prob(input, self.head(input))

    def _log_prob(self, input: Tensor, scores: Tensor) -> Tensor:
        head = log_softmax(scores, 1)
        size = self.shortlist_size
        parts = [head[:, :size]]
        for i, cluster in enumerate(self.tail):
            parts.append(log_softmax(cluster(input), 1) + head[:, size + i : size + i + 1])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """Return the class of the highest probability: (N, F) -> int64 (N).

        Only rows that the head gives to a cluster are taken through all clusters.
        """
        scores = self.head(input)
        found = argmax(scores, 1)
        rows = (found >= self.shortlist_size).nonzero(as_tuple=True)[0]
        if rows.numel():
            best = argmax(self._log_prob(input[rows], scores[rows]), 1)
            found[rows] = best
        return found
