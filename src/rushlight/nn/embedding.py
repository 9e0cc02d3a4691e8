"""Embedding layers: a table whose rows the input names."""

from __future__ import annotations

from typing import Any, Self

from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.functional.creation import empty
from rushlight.functional.embedding import embedding, embedding_bag, padding_row, refuse_sparse
from rushlight.nn.init import normal_
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """The table and what both layers do with it."""

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        refuse_sparse(sparse, name)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_row(padding_idx, num_embeddings, name)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse

    def _make(self, given: Tensor | None, freeze: bool, device: Any, dtype: Any) -> None:
        shape = (self.num_embeddings, self.embedding_dim)
        if given is None:
            table = empty(*shape, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
        elif given.shape != shape:
            got = f"_weight {given.shape}"
            raise AssertionError(explain(type(self).__name__, got=got, expected=shape))
        else:
            self.weight = Parameter(given, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the table again, the row `padding_idx` 0."""
        normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def _text(self, before: dict[str, Any], behind: dict[str, Any]) -> str:
        """Return the sizes and, in torch's order, the options that are not the default."""
        own = {
            "max_norm": self.max_norm,
            "norm_type": None if self.norm_type == 2 else self.norm_type,
            "scale_grad_by_freq": self.scale_grad_by_freq or None,
        }
        options = (before | own | behind).items()
        shown = [f"{name}={value!r}" for name, value in options if value is not None]
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *shown])


def _sizes(name: str, embeddings: Tensor) -> tuple[int, int]:
    """Return the shape of a table that is given, which must have two dims."""
    if embeddings.ndim != 2:
        got = f"embeddings {embeddings.shape}"
        expected = "(num_embeddings, embedding_dim)"
        raise AssertionError(explain(f"{name}.from_pretrained", got=got, expected=expected))
    rows, width = embeddings.shape
    return rows, width


class Embedding(_Table):
    """y = weight[x]: the rows of a table that the input names.

    Args:
        num_embeddings: int, the number of rows.
        embedding_dim: int, their length.
        padding_idx: int, a row that is 0 at first and gets no gradient; may be negative; default
            None.
        max_norm: float; rows that are named and whose norm is above are scaled down to it, in the
            table itself; default None.
        norm_type: float, p of that norm; default 2.
        scale_grad_by_freq: bool, divide the gradient of a row by how often it is named; default
            False.
        sparse: not supported.
        _weight: (num_embeddings, embedding_dim), a table to use; default None.
        _freeze: bool, make a table that is not trained; default False.
        device: 'cpu' or None.
        dtype: of the table; default the default dtype (float32).

    Shape:
        (*) of int64 or int32 -> (*, embedding_dim)

    Attributes:
        weight: (num_embeddings, embedding_dim), normal with mean 0 and variance 1.

    Raises:
        AssertionError: if padding_idx is no row, or _weight has another shape.
        NotImplementedError: if `sparse`.
        IndexError: in forward, for a row that is not there.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Embedding(10, 3, padding_idx=0)
        >>> layer(rl.tensor([[0, 2, 0, 5]])).shape
        (1, 4, 3)
        >>> layer(rl.tensor([0]))
        tensor([[0., 0., 0.]], grad_fn=<RowsOfBackward>)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
        )
        self._make(_weight, _freeze, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Make a layer of a table, whose memory it shares.

        Args:
            embeddings: (num_embeddings, embedding_dim).
            freeze: bool, do not train it; default True.
            padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: as of the layer.
        """
        return cls(
            *_sizes("Embedding", embeddings),
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        return self._text({"padding_idx": self.padding_idx}, {})


class EmbeddingBag(_Table):
    """y = the sum, mean or maximum of the rows of a table that each bag names.

    Args:
        num_embeddings: int, the number of rows.
        embedding_dim: int, their length.
        max_norm: float; rows that are named and whose norm is above are scaled down to it, in the
            table itself; default None.
        norm_type: float, p of that norm; default 2.
        scale_grad_by_freq: bool, divide the gradient of a row by how often it is named; default
            False.
        mode: 'sum', 'mean' (default) or 'max'.
        sparse: not supported.
        _weight: (num_embeddings, embedding_dim), a table to use; default None.
        include_last_offset: bool, the offsets are (B + 1), their last the end of the last bag;
            default False.
        padding_idx: int, a row that is 0 at first and that no bag counts; may be negative; default
            None.
        device: 'cpu' or None.
        dtype: of the table; default the default dtype (float32).

    Shape:
        (B, n) of int64 or int32 -> (B, embedding_dim), or (K) with offsets (B), where each bag
        begins; with mode 'sum' and per_sample_weights of the input's shape, factors of the rows

    Attributes:
        weight: (num_embeddings, embedding_dim), normal with mean 0 and variance 1.

    Raises:
        AssertionError: if padding_idx is no row, or _weight has another shape.
        NotImplementedError: if `sparse`.
        ValueError: in forward, for offsets or a mode that do not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.EmbeddingBag.from_pretrained(rl.tensor([[0.0], [2.0]]), mode="sum")
        >>> layer(rl.tensor([1, 1, 0]), rl.tensor([0, 2]))
        tensor([[4.],
                [0.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
        )
        self._make(_weight, False, device, dtype)
        self.mode = mode
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Make a layer of a table, whose memory it shares.

        Args:
            embeddings: (num_embeddings, embedding_dim).
            freeze: bool, do not train it; default True.
            max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx:
                as of the layer.
        """
        made = cls(
            *_sizes("EmbeddingBag", embeddings),
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        return self._text({}, {"mode": self.mode, "padding_idx": self.padding_idx})
