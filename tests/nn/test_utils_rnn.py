"""Padding, packing and their inverses, held against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.sample import integers, normal

import rushlight as rl
from rushlight.errors import DeviceError
from rushlight.nn.utils import rnn as utils

torch = pytest.importorskip("torch")

from tests.functional.parity import both, both_raise, compare  # noqa: E402

SIDES = st.sampled_from(["left", "right"])


def _pack(lib: Any) -> Any:
    return lib.nn.utils.rnn


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.sampled_from([(), (2,), (2, 3)]),
    st.booleans(),
    st.sampled_from([0.0, -1.5]),
    SIDES,
)
@settings(max_examples=40, deadline=None)
def test_pad_and_unpad(
    lengths: list[int], rest: Any, batch_first: bool, value: float, side: str
) -> None:
    arrays = [normal(n, *rest, seed=i) for i, n in enumerate(lengths)]
    both(lambda t, *xs: _pack(t).pad_sequence(xs, batch_first, value, side), *arrays)
    padded = utils.pad_sequence([rl.tensor(a) for a in arrays], batch_first, value)
    found = utils.unpad_sequence(padded, rl.tensor(lengths), batch_first)
    for a, b in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(a, b)


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from([(), (2,)]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 100),
    st.sampled_from([None, 0, 2]),
    st.sampled_from([0.0, 7.0]),
)
@settings(max_examples=60, deadline=None)
def test_pack_and_pad_again(
    steps: int, batch: int, rest: Any, batch_first: bool, is_sorted: bool, seed: int, more: Any,
    value: float,
) -> None:  # fmt: skip
    lengths = np.random.default_rng(seed).integers(1, steps + 1, batch)
    lengths = np.sort(lengths)[::-1].copy() if is_sorted else lengths
    shape = (batch, steps) if batch_first else (steps, batch)

    def run(t: Any, x: Any) -> Any:
        packed = _pack(t).pack_padded_sequence(x, t.tensor(lengths), batch_first, is_sorted)
        total = None if more is None else len(packed.batch_sizes) + more
        again = _pack(t).pad_packed_sequence(packed, not batch_first, value, total)
        extra = [i for i in packed[2:] if i is not None]
        return (packed.data, packed.batch_sizes, *extra, *again)

    both(run, normal(*shape, *rest))


def test_equal_lengths_keep_their_order_when_sorted() -> None:
    for lengths in ([2, 2, 2, 2], [1, 3, 1, 3], [3, 3, 1, 1]):
        both(lambda t, x: _pack(t).pack_padded_sequence(x, lengths, False, False)[2], normal(3, 4))  # noqa: B023


def test_lists_and_other_dtypes() -> None:
    both(lambda t, n: _pack(t).pack_padded_sequence(n, [3, 1])[:2], integers(3, 2, high=9))
    both(lambda t, n: _pack(t).pack_padded_sequence(n, [2, 1])[:2], integers(3, 2, high=9))
    both(lambda t, n: _pack(t).pad_sequence([n, n[:1]], True, 5), integers(3, 2, high=9))
    both(lambda t, n, x: _pack(t).pad_sequence([n, x]), integers(2, high=9), normal(3) * 9)
    both(lambda t, x: _pack(t).pad_sequence(x), normal(2, 3))
    for lengths in ([9, 0], [-1, 2], [2.5, 1.0], [float("inf"), float("nan")]):
        both(lambda t, x: _pack(t).unpad_sequence(x, t.tensor(lengths), True), normal(2, 3))  # noqa: B023
    both(lambda t, n: _pack(t).pack_sequence([n, n[1:]])[:2], integers(3, high=9))
    both(lambda t, x: _pack(t).pack_sequence([x[:1], x], False), normal(3, 2))
    both(
        lambda t, x: _pack(t).unpack_sequence(_pack(t).pack_sequence([x[:1], x, x[1:]], False)),
        normal(3, 2),
    )
    permutation = integers(1, high=1)
    both(lambda t, n: _pack(t).invert_permutation(t.tensor([2, 0, 3, 1])), permutation)
    assert utils.invert_permutation(None) is None


def test_padding_with_minus_zero() -> None:
    padded = utils.pad_sequence([rl.ones(2), rl.ones(1)], True, -0.0)
    assert np.signbit(padded.numpy()).tolist() == [[False, False], [False, True]]


def test_unpadding_copies() -> None:
    x = rl.ones(2, 2)
    utils.unpad_sequence(x, rl.tensor([2, 2]))[0].fill_(5.0)
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_packed_sequence_is_a_named_tuple_with_conversions() -> None:
    packed = utils.pack_sequence([rl.ones(1), rl.ones(3)], enforce_sorted=False)
    data, batch_sizes, order, back = packed
    assert data is packed.data and batch_sizes.tolist() == [2, 1, 1]
    assert order.tolist() == back.tolist() == [1, 0]
    assert packed._fields == torch.nn.utils.rnn.PackedSequence._fields
    theirs = torch.nn.utils.rnn.pack_sequence([torch.ones(1), torch.ones(3)], enforce_sorted=False)
    assert repr(packed) == repr(theirs)
    for name in ("double", "float", "half", "long", "int", "short", "char", "byte", "cpu"):
        compare(getattr(packed, name)().data, getattr(theirs, name)().data)
    assert packed.cpu() is packed.float() is packed.to("cpu") is packed
    wide = packed.to("cpu", rl.float64)
    assert wide.data.dtype == rl.float64 and wide.sorted_indices is order
    assert not packed.is_cuda and not packed.is_pinned()
    with pytest.raises(DeviceError):
        packed.cuda()
    with pytest.raises(DeviceError):
        packed.pin_memory()
    pair = utils.PackedSequence((data, batch_sizes), sorted_indices=order)
    assert pair.data is data and pair.unsorted_indices.tolist() == [1, 0]
    with pytest.raises(TypeError, match="got no batch_sizes, expected data and batch_sizes"):
        utils.PackedSequence(data)


ERRORS: list[tuple[Any, str]] = [
    (lambda t, x: _pack(t).pack_padded_sequence(x, [1, 2]), "fix|enforce_sorted=False"),
    (lambda t, x: _pack(t).pack_padded_sequence(x, [3, 0]), r"\[3, 0\], expected 2 lengths 1 to 3"),
    (lambda t, x: _pack(t).pack_padded_sequence(x, [3]), r"lengths \[3\], expected 2 lengths"),
    (lambda t, x: _pack(t).pack_padded_sequence(x, t.tensor([[3, 1]])), "expected 2 lengths"),
    (lambda t, x: _pack(t).pack_padded_sequence(x[:0], [0, 0]), "an empty input"),
    (lambda t, x: _pack(t).pack_padded_sequence(x[0], [1]), r"input \(2,\), expected \(T, N"),
    (lambda t, x: _pack(t).pad_sequence([]), r"pad_sequence: got shapes \[\]"),
    (lambda t, x: _pack(t).pad_sequence([x[0, 0]]), "equal but for L"),
    (lambda t, x: _pack(t).pad_sequence(3), "got int, expected an iterable"),
    (lambda t, x: _pack(t).pad_sequence([x], padding_side="up"), "padding_side='up'"),
    (lambda t, x: _pack(t).pad_sequence([x.half(), x[:1].half()], False, 1e9), "=1000000000.0, ex"),
    (
        lambda t, x: _pack(t).pad_sequence([x.byte(), x[:1].byte()], False, -1),
        "=-1, .* dtype uint8",
    ),
    (
        lambda t, x: _pack(t).pad_sequence([[1.0], [2.0, 3.0]]),
        "pad_sequence: got a sequence of type",
    ),
    (lambda t, x: _pack(t).pack_padded_sequence(x.tolist(), [3, 1]), "got a sequence of type list"),
    (lambda t, x: _pack(t).pack_sequence([np.ones(2)]), "pack_sequence: .* ndarray, expected a T"),
    (lambda t, x: _pack(t).invert_permutation(x[:, 0]), "invert_permutation: got float64"),
    (lambda t, x: _pack(t).pack_sequence([x[:1], x]), "enforce_sorted=False"),
    (lambda t, x: _pack(t).unpad_sequence(x, t.tensor([1])), "1 lengths for 2 sequences"),
    (
        lambda t, x: _pack(t).pad_packed_sequence(_pack(t).pack_sequence([x]), total_length=2),
        "total_length=2, expected at least 3",
    ),
]


@pytest.mark.parametrize(("call", "match"), ERRORS)
def test_errors(call: Any, match: str) -> None:
    both_raise(call, match, normal(3, 2))


def test_what_torch_lets_pass() -> None:
    with pytest.raises(
        RuntimeError, match=r"shapes \[\(3, 2\), \(2,\)\], expected \(L, \*\), equal"
    ):
        utils.pad_sequence([rl.ones(3, 2), rl.ones(2)])  # torch broadcasts the second
    with pytest.raises(TypeError, match="lengths of type list, expected a Tensor"):
        utils.unpad_sequence(rl.ones(2, 2), [1, 2])
    with pytest.raises(RuntimeError, match=r"lengths \[5, 1\], expected 2 lengths 1 to 3"):
        utils.pack_padded_sequence(rl.ones(3, 2), [5, 1])
