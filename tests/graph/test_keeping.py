"""Models that keep something from call to call, draw random numbers, or compute unseen."""

from __future__ import annotations

import copy
import random
import threading
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.graph import RecordError, record

X = rl.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


class Keeps(nn.Module):
    """A module of one function, which takes the module, too."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.own = forward
        self.count, self.list, self.array = 0, [0], np.zeros(1, np.float32)
        self.last: Any = None
        self.plain = rl.zeros(3)
        self.weight = nn.Parameter(rl.full((3,), 4.0))
        self.register_buffer("buffer", rl.ones(3))

    def forward(self, x: Any) -> Any:
        return self.own(self, x)


def _counter(m: Any, x: Any) -> Any:
    m.count += 1
    return x * m.count


def _counter_in_a_list(m: Any, x: Any) -> Any:
    m.list[0] += 1
    return x * m.list[0]


def _counter_in_an_array(m: Any, x: Any) -> Any:
    m.array += 1
    return x * float(m.array[0])


def _mean_of_the_first(m: Any, x: Any) -> Any:
    m.last = x.mean(0) if m.last is None else m.last
    return x - m.last


def _last_input(m: Any, x: Any) -> Any:
    before, m.last = m.last, x
    return x if before is None else x + before


def _new_buffer(m: Any, x: Any) -> Any:
    m.buffer = m.buffer + 1
    return x * m.buffer


def _buffer_by_data(m: Any, x: Any) -> Any:
    m.buffer.data.add_(1)
    return x * m.buffer


def _buffer_by_numpy(m: Any, x: Any) -> Any:
    m.buffer.numpy()[...] += 1
    return x * m.buffer


def _weight_by_data(m: Any, x: Any) -> Any:
    m.weight.data.mul_(0.5)
    return x * m.weight


def _weight_by_numpy(m: Any, x: Any) -> Any:
    m.weight.numpy(force=True)[...] *= 0.5
    return x * m.weight


def _weight_replaced(m: Any, x: Any) -> Any:
    m.weight.data = m.weight.data * 0.5
    return x * m.weight


def _plain_tensor(m: Any, x: Any) -> Any:
    m.plain += 1
    return x * m.plain


WRITES = [
    _counter, _counter_in_a_list, _counter_in_an_array, _mean_of_the_first, _last_input,
    _new_buffer, _buffer_by_data, _buffer_by_numpy, _weight_by_data, _weight_by_numpy,
    _weight_replaced, _plain_tensor,
]  # fmt: skip


@pytest.mark.parametrize("forward", WRITES)
def test_what_is_kept_is_refused_and_put_back(forward: Any) -> None:
    model = Keeps(forward)
    weight = model.weight._array
    with pytest.raises(RecordError):
        record(model, X)
    assert model.count == 0 and model.list == [0] and model.last is None
    assert model.array[0] == 0 and (model.plain == 0).all() and (model.buffer == 1).all()
    assert model.weight._array is weight and (weight == 4).all() and weight.flags.writeable


def test_the_messages_say_what_to_do() -> None:
    with pytest.raises(RecordError, match="says something else of the same inputs when it is call"):
        record(Keeps(_counter), X)
    with pytest.raises(RecordError, match="a forward that writes into a parameter") as caught:
        record(Keeps(_weight_by_data), X)
    assert "the model (Keeps) was given" in "".join(caught.value.__cause__.__notes__)
    with pytest.raises(RecordError, match="'weight', which is not initialized"):
        record(nn.LazyLinear(2), X)
    with pytest.raises(RecordError, match="got a forward that returns int"):
        record(Keeps(lambda m, x: 3), X)


def test_what_a_model_remembers_of_sizes_is_no_state() -> None:
    def forward(m: Any, x: Any) -> Any:
        if m.last is None or m.last.shape[0] < x.shape[0]:
            m.last = rl.arange(x.shape[0]).unsqueeze(1)
        return x + m.last[: x.shape[0]]

    graph = record(Keeps(forward), X, dynamic_axes={"x": {0: "n"}})
    assert [node.op for node in graph.nodes][:2] == ["arange", "reshape"]


def test_frozen_memory_stays_so() -> None:
    model = nn.Linear(3, 2)
    model.weight._array.flags.writeable = False
    record(model, X)
    assert not model.weight._array.flags.writeable and model.bias._array.flags.writeable


DRAWS = [
    lambda m, x: x * rl.randint(0, 2, (1,)),
    lambda m, x: x * 2 if rl.rand(1).item() < 0.9 else x,
    lambda m, x: x * 2 if random.random() < 0.9 else x,
    lambda m, x: x * 2 if np.random.random() < 0.9 else x,  # noqa: NPY002
]


@pytest.mark.parametrize("forward", DRAWS)
@pytest.mark.parametrize("seed", range(4))
def test_random_numbers_are_refused_whatever_they_are(forward: Any, seed: int) -> None:
    rl.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    with pytest.raises(RecordError):
        record(Keeps(forward), X)


def _in_a_thread(m: Any, x: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(x > 0))
    thread.start()
    thread.join()
    return x * found[0]


UNSEEN = [
    _in_a_thread,
    lambda m, x: x * copy.deepcopy(x > 0),
    lambda m, x: x * 2 if "-" in repr(x) else x,
]


@pytest.mark.parametrize("forward", UNSEEN)
def test_signs_of_an_example_without_any_are_not_kept(forward: Any) -> None:
    for example in (X, rl.zeros(2, 3), rl.ones(2, 3)):
        with pytest.raises(RecordError):
            record(Keeps(forward), example)


@pytest.mark.parametrize(
    "size",
    [
        lambda n: int(np.log2(n + 1)),
        lambda n: min(n, 5),
        lambda n: n if n > 3 else 3,
    ],
)
def test_no_formula_is_found_where_there_is_none(size: Any) -> None:
    graph = record(Keeps(lambda m, x: x.sum(0) * size(x.shape[0])), X, dynamic_axes={"x": {0: "n"}})
    assert not graph.nodes[-1].inputs[1].symbols


def test_a_size_of_1_that_the_model_takes_is_among_the_examples() -> None:
    from rushlight.graph import examples

    axes = {"x": {0: "n"}}
    graph = record(Keeps(lambda m, x: x.squeeze()), X, dynamic_axes=axes)
    assert graph.ones == ("n",)
    (last,), _, sizes = list(examples(graph, X))[-1]
    assert sizes == {"n": 1} and last.shape == (1, 3)
    assert record(Keeps(lambda m, x: x[1:2] + x[1]), X, dynamic_axes=axes).ones == ()
