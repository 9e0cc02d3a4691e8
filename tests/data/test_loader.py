"""DataLoader: batches, the fast path against the slow one, exact resume."""

import itertools
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import io
from rushlight.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)
from rushlight.errors import ShapeError
from rushlight.random import Generator, manual_seed
from rushlight.tensor import Tensor, from_numpy


def data(n=10):
    return TensorDataset(np.arange(2 * n, dtype="float32").reshape(n, 2), np.arange(n))


class Rows(Dataset):
    """A TensorDataset that can only be read row by row."""

    def __init__(self, inner):
        self.inner = inner

    def __getitem__(self, index):
        assert type(index) is int
        return self.inner[index]

    def __len__(self):
        return len(self.inner)


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def plain(batches):
    """Turn batches into lists, for comparison."""
    return [
        [part.tolist() if isinstance(part, Tensor) else part for part in batch] for batch in batches
    ]


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def labels(loader):
    return [batch[1].tolist() for batch in loader]


# ---- batches


def test_sequence_of_batches():
    loader = DataLoader(data(5), batch_size=2)
    batches = list(loader)
    assert [type(batch) for batch in batches] == [list] * 3
    assert labels(batches) == [[0, 1], [2, 3], [4]]
    assert batches[0][0].shape == (2, 2)
    assert batches[0][0].dtype == np.float32 and batches[0][1].dtype == np.int64
    assert len(loader) == 3


@pytest.mark.parametrize(
    ("n", "size", "drop_last", "expected"),
    [(5, 2, True, [2, 2]), (4, 2, True, [2, 2]), (3, 8, False, [3]), (3, 8, True, [])],
)
def test_last_batch(n, size, drop_last, expected):
    for dataset in (data(n), Rows(data(n)), Subset(data(n), range(n))):
        loader = DataLoader(dataset, size, drop_last=drop_last)
        assert [len(y) for _, y in loader] == expected
        assert len(loader) == len(expected)


def test_empty_data_set():
    for dataset in (data(0), Rows(data(0)), Subset(data(3), [])):
        assert list(DataLoader(dataset, 4)) == []
        assert len(DataLoader(dataset, 4)) == 0
        with pytest.raises(ValueError, match="is it empty"):  # torch refuses it as well
            DataLoader(dataset, 4, shuffle=True)


def test_nan_passes():
    x = np.array([[np.nan], [np.inf], [-0.0]], np.float32)
    for dataset in (TensorDataset(x), Rows(TensorDataset(x))):
        (batch,) = next(iter(DataLoader(dataset, 3)))
        assert batch.numpy().tobytes() == x.tobytes()


def test_batches_do_not_share_memory_with_the_data():
    dataset = data(6)
    for loader in (
        DataLoader(dataset, 3),
        DataLoader(dataset, 3, shuffle=True),
        DataLoader(Subset(dataset, range(6)), 3),
        DataLoader(Rows(dataset), 1),
    ):
        for x, _ in loader:
            x.numpy()[:] = -1
    assert dataset.tensors[0].numpy().min() == 0


FAST = {
    "tensor": lambda: data(23),
    "subset": lambda: Subset(data(40), list(range(39, 16, -1))),
    "array indices": lambda: Subset(data(40), np.arange(3, 26)),
    "nested": lambda: Subset(Subset(data(60), list(range(0, 60, 2))), range(23)),
    "split": lambda: random_split(data(46), [23, 23], Generator(0))[1],
}
LOADERS = {
    "sequential": {},
    "drop last": {"drop_last": True},
    "shuffled": {"shuffle": True},
    "replacement": {"sampler": lambda d: RandomSampler(d, True, 50, Generator(3))},
    "weighted": {"sampler": lambda d: WeightedRandomSampler(range(len(d)), 9)},
    "subset sampler": {"sampler": lambda d: SubsetRandomSampler([1, 5, 9])},
    "list sampler": {"sampler": lambda d: [3, 3, 0, 22]},
    "list of batches": {"batch_sampler": lambda d: [[1, 2, 3], [0], [22, 1]]},
    "reversed": {"sampler": lambda d: range(len(d) - 1, -1, -1)},
}


def make(dataset, options, size=5, seed=7):
    manual_seed(seed)
    options = {k: v(dataset) if callable(v) else v for k, v in options.items()}
    if "batch_sampler" not in options:
        options["batch_size"] = size
    return DataLoader(dataset, **options)


@pytest.mark.parametrize("options", LOADERS)
@pytest.mark.parametrize("kind", FAST)
def test_fast_path_equals_row_by_row(kind, options):
    dataset = FAST[kind]()
    fast = list(flow(make(dataset, LOADERS[options]), 2))
    slow = list(flow(make(Rows(dataset), LOADERS[options]), 2))
    assert fast == slow != []


def test_fast_path_is_taken_and_left(monkeypatch):
    calls = []
    inner = TensorDataset.__getitem__
    monkeypatch.setattr(
        TensorDataset, "__getitem__", lambda self, i: (calls.append(i), inner(self, i))[1]
    )
    list(DataLoader(Subset(data(), range(10)), 4, shuffle=True))
    assert calls == []
    list(DataLoader(data(), 4, collate_fn=lambda rows: rows))
    assert calls == list(range(10))

    class Doubled(TensorDataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x * 2, y

    doubled = Doubled(np.ones((3, 2)), np.zeros(3))
    x, _ = next(iter(DataLoader(doubled, 3)))
    assert (x.numpy() == 2).all()


def test_getitems_hook():
    seen = []

    class Many(Rows):
        def __getitems__(self, indices):
            seen.append(indices)
            return [self.inner[i] for i in indices]

        def __getitem__(self, index):
            raise AssertionError("read one by one")

    assert labels(DataLoader(Many(data(5)), 3)) == [[0, 1, 2], [3, 4]]
    assert labels(DataLoader(Subset(Many(data(5)), [4, 0]), 2)) == [[4, 0]]
    assert seen == [[0, 1, 2], [3, 4], [4, 0]]


def test_single_samples():
    loader = DataLoader(data(3), batch_size=None)
    assert [(x.shape, y.item()) for x, y in loader] == [((2,), 0), ((2,), 1), ((2,), 2)]
    assert len(loader) == 3
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_iterable_data_set():
    loader = DataLoader(Stream(5), 2)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]]
    assert len(loader) == 3
    dropped = DataLoader(Stream(5), 2, drop_last=True)
    assert [batch.tolist() for batch in dropped] == [[0, 1], [2, 3]]
    assert len(dropped) == 2
    assert list(DataLoader(Stream(0), 2)) == []


def test_lists_and_concatenations_are_data_sets():
    assert [b.tolist() for b in DataLoader([3, 1, 2], 2)] == [[3, 1], [2]]
    both = ConcatDataset([data(2), data(3)])
    assert labels(DataLoader(both, 4)) == [[0, 1, 0, 1], [2]]


# ---- collate


Pair = namedtuple("Pair", "a b")

COLLATED = {
    "ints": [1, 2, 3],
    "floats": [1.5, 2.5],
    "int and float": [1, 2.5],
    "float and int": [1.5, 2],
    "bool and int": [True, 2],
    "0-d arrays": [np.array(1, np.int8), np.array(2, np.int8)],
    "empty arrays": [np.ones((0, 3)), np.ones((0, 3))],
    "fortran": [np.asfortranarray(np.arange(6.0).reshape(2, 3))] * 2,
    "bools": [True, False],
    "text": ["a", "b"],
    "bytes": [b"a", b"b"],
    "numpy scalars": [np.float32(1), np.float32(2)],
    "numpy ints": [np.int16(1), np.int16(2)],
    "arrays": [np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)],
    "tuples": [(1, "a"), (2, "b")],
    "lists": [[1, 2.0], [3, 4.0]],
    "named tuples": [Pair(1, [2.5]), Pair(3, [4.5])],
    "dicts": [{"x": 1, "y": (2.0, "s")}, {"x": 3, "y": (4.0, "t")}],
    "ordered": [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)],
    "empty lists": [[], []],
    "one": [7],
}


def simple(value, tensor_type):
    """Replace tensors by (dtype name, nested list); keep all types else."""
    if isinstance(value, tensor_type):
        return "tensor", str(value.dtype).replace("torch.", ""), value.tolist()
    if isinstance(value, dict):
        return type(value), [(k, simple(v, tensor_type)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [simple(v, tensor_type) for v in value]
    return value


@pytest.mark.parametrize("name", COLLATED)
def test_collate_equals_torch(name):
    torch = pytest.importorskip("torch")
    theirs = torch.utils.data.default_collate(COLLATED[name])
    assert simple(default_collate(COLLATED[name]), Tensor) == simple(theirs, torch.Tensor)
    for sample in COLLATED[name]:
        ours = simple(default_convert(sample), Tensor)
        assert ours == simple(torch.utils.data.default_convert(sample), torch.Tensor)


def test_collate_of_tensors():
    batch = default_collate([from_numpy(np.full((2,), i, np.float32)) for i in range(3)])
    assert batch.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_collate_keeps_the_graph():
    x = from_numpy(np.ones((2, 3), np.float32)).requires_grad_()
    for batch in (default_collate([x[0], x[1]]), next(iter(DataLoader(TensorDataset(x), 2)))[0]):
        x.grad = None
        (batch * 2).sum().backward()
        assert x.grad.tolist() == [[2, 2, 2]] * 2


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ([], ValueError, "no samples"),
        ([object()], TypeError, "type object.*collate_fn"),
        ([None], TypeError, "type NoneType"),
        ([np.zeros(2), np.zeros(3)], ShapeError, r"\(2,\) and, at place 1 of the batch, \(3,\)"),
        ([[1], [1], [1, 2]], ValueError, "1 entries and, at place 2 of the batch, 2"),
        ([np.array(["a"])], TypeError, "dtype <U1"),
        ([np.zeros(1, complex)], TypeError, "dtype complex128"),
    ],
)
def test_collate_refuses(batch, error, text):
    with pytest.raises(error, match=text):
        default_collate(batch)


# ---- epochs and resume


def test_each_iteration_is_an_epoch():
    loader = DataLoader(data(), 3, shuffle=True, generator=Generator(1))
    epochs = [flat(labels(loader)) for _ in range(3)]
    for number, order in enumerate(epochs):
        assert order == Generator(1).spawn(number).permutation(10).tolist()
    assert loader.epoch == 3
    loader.set_epoch(1)
    assert flat(labels(loader)) == epochs[1]
    sequential = DataLoader(data(), 3)
    assert (labels(sequential), sequential.epoch) == (labels(sequential), 1)


def test_an_epoch_left_early_is_over():
    loader = DataLoader(data(), 3, shuffle=True, generator=Generator(1))
    next(iter(loader))
    assert flat(labels(loader)) == Generator(1).spawn(1).permutation(10).tolist()


def test_two_iterations_at_once():
    loader = DataLoader(data(6), 2, shuffle=True, generator=Generator(0))
    pairs = list(zip(loader, loader, strict=True))
    first = flat(a[1].tolist() for a, _ in pairs)
    second = flat(b[1].tolist() for _, b in pairs)
    assert first == Generator(0).spawn(0).permutation(6).tolist()
    assert second == Generator(0).spawn(1).permutation(6).tolist()


def flow(loader, epochs):
    for _ in range(epochs):
        for batch in loader:
            yield plain([batch if isinstance(batch, list) else [batch]])


RESUMED = {**LOADERS, "own batches": {"batch_sampler": lambda d: Lazy(RandomSampler(d), 5, False)}}


class Lazy(BatchSampler):
    """Reads its sampler at the first batch only."""

    def __iter__(self):
        yield from super().__iter__()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("name", RESUMED)
def test_resume_is_exact_at_every_batch(tmp_path, name, rows):
    def fresh(seed):
        dataset = Rows(data(23)) if rows else data(23)
        return make(dataset, RESUMED[name], seed=seed)

    whole = list(flow(fresh(7), 3))
    for stop in range(len(whole) + 1):
        loader = fresh(7)
        running = flow(loader, 3)
        before = list(itertools.islice(running, stop))
        if stop % 3 == 0:  # by way of a file
            io.save(loader.state_dict(), tmp_path / "state")
            state = io.load(tmp_path / "state")
        else:
            state = loader.state_dict()
        resumed = fresh(99)  # another process: the default generator stands elsewhere
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        left = 3 - state["epoch"]
        assert before + list(flow(resumed, left)) == whole, stop


@pytest.mark.parametrize("options", [{"batch_size": 2}, {"batch_size": None}])
def test_resume_of_streams_and_single_samples(options):
    for dataset in (Stream(7), data(7)):
        loader = DataLoader(dataset, **options)
        running = iter(loader)
        next(running), next(running)
        again = DataLoader(dataset, **options)
        again.load_state_dict(loader.state_dict())
        rest = len(list(again))
        assert rest == len(loader) - 2
        assert again.state_dict() == {"epoch": 1, "batch": 0, "seed": None}


def test_resume_does_not_read_what_it_passes_over():
    read = []

    class Slow(Rows):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    loader = DataLoader(Slow(data(10)), 2)
    loader.load_state_dict({"epoch": 4, "batch": 3, "seed": None})
    assert labels(loader) == [[6, 7], [8, 9]]
    assert read == [6, 7, 8, 9]
    assert loader.epoch == 5


def test_user_sampler_that_counts_epochs():
    class Rotate:
        epoch = 0

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __iter__(self):
            return iter([(i + self.epoch) % 4 for i in range(4)])

        def __len__(self):
            return 4

    sampler = Rotate()
    loader = DataLoader(data(4), 4, sampler=sampler)
    sampler.set_epoch(2)
    assert labels(loader) == [[2, 3, 0, 1]]
    loader.set_epoch(1)
    assert labels(loader) == [[1, 2, 3, 0]]
    other = DataLoader(data(4), 4, sampler=Rotate())
    other.load_state_dict(loader.state_dict())
    assert other.epoch == 1


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.booleans(), st.integers(0, 60), st.integers(0, 9))
def test_resume_anywhere(n, size, drop_last, stop, seed):
    def fresh():
        return DataLoader(data(n), size, True, drop_last=drop_last, generator=Generator(seed))

    loader = fresh()
    whole = list(flow(fresh(), 2))
    before = list(itertools.islice(flow(loader, 2), stop))
    resumed = fresh()
    resumed.load_state_dict(loader.state_dict())
    assert before + list(flow(resumed, 2 - loader.state_dict()["epoch"])) == whole


def test_states_that_do_not_fit():
    loader = DataLoader(data(), 2, shuffle=True)
    for state in ({}, {"epoch": 1}, None, [1]):
        with pytest.raises(ValueError, match="epoch, batch and seed"):
            loader.load_state_dict(state)
    with pytest.raises(ValueError, match="without shuffling"):
        loader.load_state_dict(DataLoader(data(), 2).state_dict())
    with pytest.raises(ValueError, match="with shuffling"):
        DataLoader(data(), 2).load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="set_epoch: got -1"):
        loader.set_epoch(-1)


# ---- arguments


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_workers", 2),
        ("pin_memory", True),
        ("timeout", 5),
        ("worker_init_fn", print),
        ("multiprocessing_context", "fork"),
        ("prefetch_factor", 2),
        ("persistent_workers", True),
        ("pin_memory_device", "cuda"),
        ("in_order", False),
    ],
)
def test_what_is_not_supported_is_named(name, value):
    with pytest.raises(NotImplementedError, match=f"DataLoader {name}: got"):
        DataLoader(data(), **{name: value})


def test_signature_is_torchs():
    import inspect

    torch_data = pytest.importorskip("torch.utils.data")
    ours, theirs = (inspect.signature(c).parameters for c in (DataLoader, torch_data.DataLoader))
    assert [(p.name, p.default, p.kind) for p in ours.values()] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shuffle": True, "sampler": [1]}, "sampler together with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler together with batch_size"),
        ({"batch_sampler": [[1]], "shuffle": True}, "batch_sampler together"),
        ({"batch_sampler": [[1]], "drop_last": True}, "batch_sampler together"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None together with drop_last"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"batch_size": 2.0}, "batch_size: got 2.0"),
        ({"dataset": Stream(3), "shuffle": True}, "IterableDataset together with shuffle"),
        ({"dataset": Stream(3), "sampler": [1]}, "IterableDataset together"),
        ({"dataset": Stream(3), "batch_size": -1}, "batch_size: got -1"),
    ],
)
def test_arguments_that_exclude_each_other(options, text):
    with pytest.raises(ValueError, match=text):
        DataLoader(**{"dataset": data(), **options})


def test_generator_must_be_ours():
    with pytest.raises(TypeError, match="got int, expected a rushlight"):
        DataLoader(data(), shuffle=True, generator=3)


def test_sampler_of_another_data_set():
    longer = SequentialSampler(range(12))
    with pytest.raises(IndexError):
        list(DataLoader(data(10), 5, sampler=longer))


@pytest.mark.parametrize("dataset", [None, 3, (i for i in range(3))])
def test_what_is_no_data_set_is_refused(dataset):
    with pytest.raises(TypeError, match=f"DataLoader: got {type(dataset).__name__}, expected a da"):
        DataLoader(dataset)


def test_indices_are_not_rounded():
    data = TensorDataset(np.arange(3.0))
    with pytest.raises(TypeError, match=r"got indices \[1.5\], expected ints"):
        list(DataLoader(data, sampler=[1.5]))


def test_the_batch_size_may_be_an_integer_of_numpy():
    data = TensorDataset(np.arange(3.0))
    loader = DataLoader(data, batch_size=np.int64(2))
    assert [len(x) for (x,) in loader] == [2, 1]
    assert type(loader.batch_size) is int


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 700])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("wide", [1, 700])
def test_batches_that_are_read_several_at_once_are_those_of_the_samples(rows, drop_last, wide):
    x = np.arange(rows * wide, dtype="float32").reshape(rows, wide)
    data = TensorDataset(rl.from_numpy(x), rl.arange(rows))
    options = {"batch_size": 8, "shuffle": True, "drop_last": drop_last}
    fast = DataLoader(data, generator=rl.Generator(5), **options)
    slow = DataLoader(data, generator=rl.Generator(5), collate_fn=lambda b: b, **options)
    for _ in range(2):
        pairs = list(zip(fast, slow, strict=True))
        assert len(pairs) == len(fast)
        for (found, index), samples in pairs:
            assert index.tolist() == [int(i) for _, i in samples]
            assert (found.numpy() == x[index.numpy()]).all()
    if rows > 64:
        state_at = iter(fast)
        seen = [next(state_at)[1].tolist() for _ in range(3)]
        other = DataLoader(data, generator=rl.Generator(6), **options)
        other.load_state_dict(fast.state_dict())
        rest = [index.tolist() for _, index in other]
        assert [*seen, *rest] == [*seen, *(index.tolist() for _, index in state_at)]


def test_what_is_written_into_a_batch_does_not_reach_the_data_or_another_batch():
    data = TensorDataset(rl.zeros(40, 2))
    for (x,) in DataLoader(data, batch_size=4, shuffle=True):
        assert (x.numpy() == 0).all()
        x += 1
    assert (data.tensors[0].numpy() == 0).all()
