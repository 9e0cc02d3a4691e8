"""Sequences of different lengths in one batch: padded, packed, and as they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DeviceError, DtypeError, ShapeError, explain
from rushlight.functional.creation import as_tensor
from rushlight.ops import index, shape
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences of different lengths without padding: the elements of step 0, of step 1, ...

    `pack_padded_sequence` and `pack_sequence` make it; all recurrent layers take it.

    Args:
        data: Tensor (M, *), the elements of all steps; M is the sum of all lengths.
        batch_sizes: int64 Tensor (T,), how many sequences reach each step.
        sorted_indices: int64 Tensor (N,), where the sequences, longest first, stood in the batch;
            None if they stood so.
        unsorted_indices: its inverse; default computed.

    Example:
        >>> import rushlight as rl
        >>> pack_sequence([rl.tensor([1, 2, 3]), rl.tensor([4])])
        PackedSequence(data=tensor([1, 4, 2, 3]), batch_sizes=tensor([2, 1, 1]),
                       sorted_indices=None, unsorted_indices=None)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.PackedSequence.html
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, (tuple, list)) or len(data) != 2:
                raise TypeError(
                    explain(
                        "PackedSequence",
                        got="no batch_sizes",
                        expected="data and batch_sizes",
                        fix="pack_sequence and pack_padded_sequence make them",
                    )
                )
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a GPU; none is."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Return False: no memory is pinned on a CPU."""
        return False

    def pin_memory(self) -> Self:
        """Refuse: there is no accelerator to pin memory for.

        Raises:
            DeviceError: always.
        """
        raise DeviceError(explain("pin_memory", got="a CPU", expected="an accelerator"))

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert the data as `Tensor.to` does; return self if that changes nothing."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """Refuse: this build computes on the CPU.

        Raises:
            DeviceError: always.
        """
        return self.to("cuda")

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """Return the sequence, which is on the CPU already, converted as `to` does."""
        return self.to(*args, **kwargs)

    def double(self) -> Self:
        """Convert the data to float64."""
        return self.to(np.float64)

    def float(self) -> Self:
        """Convert the data to float32."""
        return self.to(np.float32)

    def half(self) -> Self:
        """Convert the data to float16."""
        return self.to(np.float16)

    def long(self) -> Self:
        """Convert the data to int64."""
        return self.to(np.int64)

    def int(self) -> Self:
        """Convert the data to int32."""
        return self.to(np.int32)

    def short(self) -> Self:
        """Convert the data to int16."""
        return self.to(np.int16)

    def char(self) -> Self:
        """Convert the data to int8."""
        return self.to(np.int8)

    def byte(self) -> Self:
        """Convert the data to uint8."""
        return self.to(np.uint8)


def _check_tensors(where: str, sequences: Iterable[Any]) -> None:
    for sequence in sequences:
        if not isinstance(sequence, Tensor):
            got = f"a sequence of type {type(sequence).__name__}"
            raise TypeError(explain(where, got=got, expected="a Tensor"))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes another; None for None.

    Example:
        >>> import rushlight as rl
        >>> invert_permutation(rl.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    if permutation.dtype.kind not in "iu":
        got = permutation.dtype.name
        raise DtypeError(explain("invert_permutation", got=got, expected="an integer dtype"))
    found = np.empty_like(permutation._array)
    found[permutation._array] = np.arange(found.size)
    return wrap(found)


def _reached(lengths: Array, steps: int) -> Array:
    """lengths (N,) -> (N, T), whether a sequence reaches a step"""
    return np.arange(steps) < lengths[:, None]


def _padding(value: float, dtype: np.dtype[Any]) -> Any:
    """Return the value in the dtype of the sequences; one that it cannot hold is an error."""
    try:
        with np.errstate(over="raise"):
            return dtype.type(value)
    except (ArithmeticError, ValueError) as error:
        got, expected = f"padding_value={value}", f"a value of dtype {dtype.name}"
        raise DtypeError(explain("padding", got=got, expected=expected)) from error


def _placed(values: Tensor, mask: Array, padding_value: float) -> Tensor:
    """values (M, *), mask with M times True -> (mask's shape, *), padding elsewhere"""
    sizes = (*mask.shape, *values.shape[1:])
    value = _padding(padding_value, values._array.dtype)
    found: Tensor = apply(index.put, (values,), {"index": mask, "shape": sizes})
    if mask.all() or (value == 0 and not np.signbit(value)):
        return found
    empty = ~mask.reshape(*mask.shape, *[1] * (values.ndim - 1))
    return found.masked_fill(wrap(np.broadcast_to(empty, sizes)), value.item())


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack sequences that are padded to one length; gradients flow back to them.

    Args:
        input: (T, N, *), or (N, T, *) with `batch_first`.
        lengths: the length of each sequence, 1 to T.
        batch_first: bool, default False.
        enforce_sorted: bool; True refuses lengths that grow, False sorts the sequences. Default
            True.

    Raises:
        RuntimeError: for an empty input, lengths that do not fit it, or that are not sorted.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> packed = pack_padded_sequence(x, [2, 1, 3], batch_first=True, enforce_sorted=False)
        >>> packed.data, packed.batch_sizes, packed.sorted_indices
        (tensor([4, 1, 3, 5, 2, 6]), tensor([3, 2, 1]), tensor([2, 0, 1]))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
    """
    where = "pack_padded_sequence"
    _check_tensors(where, (input,))
    if input.ndim < 2:
        raise IndexError(explain(where, got=f"input {input.shape}", expected="(T, N, *)"))
    x = input.transpose(0, 1) if batch_first else input
    counts = np.asarray(as_tensor(lengths)._array).astype(np.int64)
    if not input.numel():
        raise ShapeError(explain(where, got=f"an empty input {input.shape}", expected="elements"))
    steps, n = x.shape[:2]
    if counts.shape != (n,) or counts.min() < 1 or counts.max() > steps:
        raise ShapeError(
            explain(where, got=f"lengths {counts.tolist()}", expected=f"{n} lengths 1 to {steps}")
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
        x = x.index_select(1, wrap(order))
    elif (np.diff(counts) > 0).any():
        raise RuntimeError(
            explain(
                where,
                got=f"lengths {counts.tolist()}",
                expected="lengths that never grow",
                fix="pass enforce_sorted=False",
            )
        )
    mask = _reached(counts, int(counts.max())).T  # (T, N): its rows are in the order of packing
    data = x[: len(mask)][wrap(np.ascontiguousarray(mask))]
    return PackedSequence(data, wrap(mask.sum(1)), None if order is None else wrap(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo `pack_padded_sequence`: return the padded sequences, in their order, and the lengths.

    Args:
        sequence: PackedSequence.
        batch_first: bool, whether to return (N, T, *) rather than (T, N, *); default False.
        padding_value: float, default 0.
        total_length: int, pad to this T; default the longest sequence.

    Raises:
        ValueError: if total_length is less than the longest sequence.

    Example:
        >>> import rushlight as rl
        >>> pad_packed_sequence(pack_sequence([rl.tensor([1, 2]), rl.tensor([3])]))
        (tensor([[1, 3],
                 [2, 0]]), tensor([2, 1]))
    """
    sizes = sequence.batch_sizes._array
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise ValueError(
            explain(
                "pad_packed_sequence",
                got=f"total_length={total_length}",
                expected=f"at least {len(sizes)}, the longest sequence",
            )
        )
    n = int(sizes[0])
    lengths = np.count_nonzero(_reached(sizes, n), axis=0)
    padded = _placed(sequence.data, _reached(lengths, steps).T, padding_value)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices._array]
    return (padded.transpose(0, 1) if batch_first else padded), wrap(lengths)


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences (L, *) of different lengths, padded to the longest; gradients flow back.

    Args:
        sequences: an iterable of tensors that are equal but for their first size.
        batch_first: bool, whether to return (N, T, *) rather than (T, N, *); default False.
        padding_value: float, default 0.
        padding_side: 'right' (behind the sequences) or 'left'; default 'right'.

    Raises:
        RuntimeError: for no sequences, unequal sizes, or another side.

    Example:
        >>> import rushlight as rl
        >>> pad_sequence([rl.tensor([1, 2, 3]), rl.tensor([4])], batch_first=True)
        tensor([[1, 2, 3],
                [4, 0, 0]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html
    """
    where = "pad_sequence"
    if not isinstance(sequences, Iterable):
        got = type(sequences).__name__
        raise RuntimeError(explain(where, got=got, expected="an iterable of tensors"))
    found = tuple(sequences)
    _check_tensors(where, found)
    if padding_side not in ("left", "right"):
        got, expected = f"padding_side={padding_side!r}", "'left' or 'right'"
        raise RuntimeError(explain(where, got=got, expected=expected))
    if not found or any(s.ndim < 1 or s.shape[1:] != found[0].shape[1:] for s in found):
        got = f"shapes {[s.shape for s in found]}"
        raise ShapeError(explain(where, got=got, expected="(L, *), equal but for L"))
    lengths = np.array([len(s) for s in found])
    mask = _reached(lengths, int(lengths.max()))
    if padding_side == "left":
        mask = mask[:, ::-1]
    values = apply(shape.cat, tuple(s.to(found[0].dtype) for s in found), {"dim": 0})
    padded = _placed(values, np.ascontiguousarray(mask), padding_value)
    return padded if batch_first else padded.transpose(0, 1).contiguous()


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """Undo `pad_sequence`: return the list of the sequences, each with its length.

    Example:
        >>> import rushlight as rl
        >>> unpad_sequence(rl.tensor([[1, 2], [3, 0]]), rl.tensor([2, 1]), batch_first=True)
        [tensor([1, 2]), tensor([3])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    if not isinstance(lengths, Tensor):
        got = f"lengths of type {type(lengths).__name__}"
        raise TypeError(explain("unpad_sequence", got=got, expected="a Tensor"))
    if len(rows) != len(lengths):
        got = f"{len(lengths)} lengths for {len(rows)} sequences"
        raise ShapeError(explain("unpad_sequence", got=got, expected="one for each"))
    counts = np.count_nonzero(_reached(lengths._array, rows.shape[1]), axis=1).tolist()
    return [row[:n].clone() for row, n in zip(rows.unbind(0), counts, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (L, *) of different lengths; gradients flow back to them.

    Args:
        sequences: tensors that are equal but for their first size.
        enforce_sorted: bool; True refuses lengths that grow, False sorts. Default True.

    Example:
        >>> import rushlight as rl
        >>> pack_sequence([rl.tensor([1]), rl.tensor([2, 3])], enforce_sorted=False).data
        tensor([2, 1, 3])
    """
    _check_tensors("pack_sequence", sequences)
    lengths = [len(s) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo `pack_sequence`: return the list of the sequences, in their order.

    Example:
        >>> import rushlight as rl
        >>> unpack_sequence(pack_sequence([rl.tensor([1, 2]), rl.tensor([3])]))
        [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
