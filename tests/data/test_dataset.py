"""Data sets and splits."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight.data
import rushlight.utils.data
from rushlight.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from rushlight.errors import ShapeError
from rushlight.random import Generator, manual_seed
from rushlight.tensor import Tensor, from_numpy


def test_torch_path_is_the_same_module_content():
    for name in rushlight.data.__all__:
        assert getattr(rushlight.utils.data, name) is getattr(rushlight.data, name)


def test_tensor_dataset_takes_tensors_and_arrays():
    x, y = np.arange(6.0).reshape(3, 2), from_numpy(np.arange(3))
    data = TensorDataset(x, y)
    assert len(data) == 3
    assert all(isinstance(t, Tensor) for t in data.tensors)
    row, label = data[-1]
    assert row.numpy().tolist() == [4.0, 5.0]
    assert label.item() == 2
    x[2] = 9  # shared, as from_numpy shares
    assert data[2][0].numpy().tolist() == [9.0, 9.0]
    with pytest.raises(IndexError):
        data[3]


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ([(3, 2), (2,)], r"shapes \(3, 2\), \(2,\), expected .* same length"),
        ([(3, 2), ()], r"\(3, 2\), \(\)"),
        ([], "no tensor"),
    ],
)
def test_tensor_dataset_refuses(shapes, text):
    with pytest.raises(ShapeError, match=text):
        TensorDataset(*(np.zeros(shape) for shape in shapes))


def test_tensor_dataset_takes_no_lists():
    with pytest.raises(TypeError, match="TensorDataset: got list, expected Tensors or arrays"):
        TensorDataset(np.zeros(2), [1, 2])


def test_base_classes_name_what_is_missing():
    class Half(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Half must define __getitem__"):
        Half()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())


def test_subset_of_subset():
    inner = Subset(list("abcdef"), [5, 3, 1])
    outer = Subset(inner, [2, 0])
    assert [outer[i] for i in range(len(outer))] == ["b", "f"]
    assert outer.__getitems__([1, 0]) == ["f", "b"]
    with pytest.raises(IndexError):
        outer[2]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_concat_is_concatenation(sizes):
    parts = [[(k, i) for i in range(size)] for k, size in enumerate(sizes)]
    flat = list(itertools.chain(*parts))
    data = ConcatDataset(parts)
    assert len(data) == len(flat)
    assert [data[i] for i in range(len(flat))] == flat
    assert [data[i] for i in range(-len(flat), 0)] == flat
    for index in (len(flat), -len(flat) - 1):
        with pytest.raises(IndexError):
            data[index]


class Count(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def test_chain_and_its_limits():
    chain = Count(2) + Count(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [0, 1, 0, 1, 2]
    assert len(chain) == 5
    with pytest.raises(TypeError, match="use ConcatDataset"):
        list(ChainDataset([[1]]))
    with pytest.raises(TypeError, match="use ChainDataset"):
        ConcatDataset([Count(2)])
    with pytest.raises(ValueError, match="no data set"):
        ConcatDataset([])


# ---- random_split


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (10, [3, 7]),
        (10, [0.3, 0.7]),
        (11, [0.5, 0.5]),
        (7, [0.4, 0.3, 0.3]),
        (1, [1]),
        (10, [10, 0]),
        (10, [0.999999999999, 1e-12]),
    ],
)
@pytest.mark.filterwarnings("ignore:random_split", "ignore:Length of split")
def test_sizes_are_those_of_torch(size, lengths):
    torch_data = pytest.importorskip("torch.utils.data")
    ours = [len(part) for part in random_split(range(size), lengths)]
    assert ours == [len(part) for part in torch_data.random_split(range(size), lengths)]


@given(st.integers(0, 60), st.integers(1, 5), st.integers(0, 2**32))
def test_a_split_is_a_partition(size, parts, seed):
    cuts = sorted(Generator(seed).integers(0, size + 1, (parts - 1,)).tolist())
    lengths = [b - a for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
    if sum(lengths) == 1:  # [1] and [0, 1] read as fractions: the same for one sample
        lengths = [1]
    split = random_split(range(size), lengths, Generator(seed))
    assert sorted(i for part in split for i in part.indices) == list(range(size))
    again = random_split(range(size), lengths, Generator(seed))
    assert [p.indices for p in split] == [p.indices for p in again]


def test_split_uses_the_default_generator():
    manual_seed(3)
    first = random_split(range(50), [25, 25])[0].indices
    second = random_split(range(50), [25, 25])[0].indices
    manual_seed(3)
    assert random_split(range(50), [25, 25])[0].indices == first != second


NAN = float("nan")


@pytest.mark.parametrize(
    "lengths", [[3, 8], [-1, 11], [2.5, 7.5], [0.5, 0.6], [1.5, -0.5], [NAN, 1], []]
)
def test_split_refuses(lengths):
    with pytest.raises(ValueError, match="sum to 10"):
        random_split(range(10), lengths)


def test_split_warns_of_an_empty_part():
    with pytest.warns(UserWarning, match="part 1 has no samples"):
        random_split(range(2), [0.9, 0.1])
