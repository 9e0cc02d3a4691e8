"""Layers that compare two inputs, row by row."""

from __future__ import annotations

from rushlight.functional.distance import cosine_similarity, pairwise_distance
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """y = x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along one dim.

    Args:
        dim: int, default 1.
        eps: float, the least norm that is divided by; default 1e-8.

    Shape:
        (*, D, *), (*, D, *) -> (*, *), the inputs broadcast

    Raises:
        RuntimeError: in forward, if neither input is floating.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.CosineSimilarity()(rl.tensor([[3.0, 4.0]]), rl.tensor([[6.0, 8.0]]))
        tensor([1.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """y = |x1 - x2 + eps|_p over the last dim.

    Args:
        p: float, of the norm; default 2.
        eps: float, added to the differences; default 1e-6.
        keepdim: bool, whether the last dim stays, with size 1; default False.

    Shape:
        (N, D), (N, D) -> (N), or (D), (D) -> (); the inputs broadcast

    Attributes:
        norm: p.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.PairwiseDistance(p=1, eps=0.0)
        >>> layer(rl.zeros(1, 2), rl.tensor([[3.0, 4.0]]))
        tensor([7.])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
