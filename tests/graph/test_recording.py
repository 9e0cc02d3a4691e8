"""What is recorded of a model, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.graph import Graph, RecordError, Size, Value, examples, record


class Of(nn.Module):
    """A module of one function."""

    def __init__(self, function: Any, **buffers: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return (
            self.function(self, *args, **kwargs)
            if vars(self).get("own")
            else self.function(*args, **kwargs)
        )


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def of(function: Any, *args: Any, **options: Any) -> Graph:
    return record(Of(function), args, **options)


X = rl.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


# ---- what it is made of


def test_a_sequential_hides_no_layer() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2), nn.Tanh()))
    model(X)  # learns its chain
    model(X)
    graph = record(model, X)
    assert ops(graph) == ["linear", "relu", "linear", "tanh"]
    assert [node.where for node in graph.nodes] == ["0", "1", "2.0", "2.1"]
    names = [value.name for value in graph.parameters]
    assert names == ["0.weight", "0.bias", "2.0.weight", "2.0.bias"]
    assert graph.nodes[0].inputs == (graph.inputs[0], *graph.parameters[:2])
    assert graph.outputs == graph.nodes[-1].outputs
    assert graph.inputs[0].kind == "input" and graph.inputs[0].array is None


def test_buffers_are_options_by_the_name_of_the_state_dict() -> None:
    graph = record(nn.BatchNorm1d(3), X)
    (node,) = graph.nodes
    assert node.options["mean"].name == "running_mean"
    assert node.options["mean"].kind == "buffer"
    np.testing.assert_array_equal(node.options["var"].array, np.ones(3, np.float32))
    assert node.options["eps"] == 1e-5


def test_arguments_nested_and_by_name_are_inputs() -> None:
    def forward(a: Any, pair: Any, *, scale: Any) -> Any:
        return {"sum": a + pair[0] * scale["by"], "rest": (pair[1], None)}

    model = Of(forward)
    graph = record(model, (X, (X, X + 1)), {"scale": {"by": rl.tensor(2.0)}})
    assert [value.name for value in graph.inputs] == ["args.0", "args.1.0", "args.1.1",
                                                      "kwargs.scale.by"]  # fmt: skip
    assert set(graph.result) == {"sum", "rest"} and graph.result["rest"][1] is None
    assert graph.result["rest"][0] is graph.inputs[2]
    assert len(graph.outputs) == 2
    named = record(model, (X, (X, X + 1)), {"scale": {"by": X}}, names=["a", "b", "c", "d"])
    assert [value.name for value in named.inputs] == ["a", "b", "c", "d"]


def test_names_are_those_of_forward() -> None:
    graph = record(nn.LSTM(3, 2), (X.unsqueeze(1), (rl.zeros(1, 1, 2), rl.zeros(1, 1, 2))))
    assert [value.name for value in graph.inputs] == ["input", "hx.0", "hx.1"]


def test_masks_and_indices_of_the_graph_are_values_among_the_options() -> None:
    graph = of(lambda x: rl.where(x > 0, x, 0.0)[x.argmax(0)], X)
    assert ops(graph) == ["gt", "where", "argmax", "getitem"]
    gt, where, argmax, getitem = graph.nodes
    assert where.options["condition"] is gt.outputs[0]
    assert gt.inputs == (graph.inputs[0], 0)
    assert argmax.options == {"dim": 0, "keepdim": False}
    assert getitem.options["index"] is argmax.outputs[0]


def test_what_depends_on_no_input_keeps_its_elements() -> None:
    graph = of(lambda x: x + rl.arange(3) * 2, X)
    assert ops(graph) == ["arange", "mul", "cast", "add"]
    np.testing.assert_array_equal(graph.nodes[1].outputs[0].array, [0, 2, 4])
    assert graph.nodes[3].outputs[0].array is None


def test_detached_tensors_are_the_same_value() -> None:
    graph = of(lambda x: x.detach() + x.data, X)
    assert graph.nodes[0].inputs == (graph.inputs[0], graph.inputs[0])


def test_tied_parameters_are_one() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    graph = record(model, X)
    assert graph.nodes[0].inputs[1] is graph.nodes[1].inputs[1]


def test_a_function_of_the_user_is_its_ops_or_one_node() -> None:
    class Twice(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

    class Opaque(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return rl.from_numpy(np.sort(x._array, 0))

    assert ops(of(lambda x: Twice.apply(x) + 1, X)) == ["mul", "add"]
    assert ops(of(lambda x: Opaque.apply(x) + 1, X)) == ["Opaque", "add"]


def test_nothing_of_the_model_is_changed() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rl.manual_seed(5)
    expected = rl.rand(1).item()
    rl.manual_seed(5)
    record(model, X)
    assert model.training and model[2].training
    assert rl.rand(1).item() == expected
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    assert not any(module._call_hooks for module in model.modules())


# ---- writes in place


def test_writes_make_new_values() -> None:
    def forward(x: Any) -> Any:
        y = x * 2
        y += x
        y[0] = 1.0
        y.mul_(3).clamp_(0, 9)
        return y

    graph = of(forward, X)
    assert ops(graph) == ["mul", "add", "setitem", "mul", "clamp"]
    assert graph.nodes[2].options == {"basic": 0, "advanced": None}
    for before, after in zip(graph.nodes[:-1], graph.nodes[1:], strict=True):
        assert after.inputs[0] is before.outputs[0]


def test_the_input_may_be_written_to() -> None:
    given = X.clone()
    graph = of(lambda x: x.add_(1) * 2, given)
    assert ops(graph) == ["add", "mul"]
    assert (given == X).all()


def test_filled_and_copied() -> None:
    graph = of(lambda x: rl.zeros(2, 3).copy_(x) + rl.zeros(2).fill_(3).unsqueeze(1), X)
    assert graph.nodes[-1].inputs[0] is graph.inputs[0]
    assert ops(graph) == ["full", "full", "full", "reshape", "add"]
    assert [node.options["fill_value"] for node in graph.nodes[:3]] == [0, 0, 3]


def test_constants_hold_what_they_held_before_they_were_written_to() -> None:
    def forward(x: Any) -> Any:
        y = rl.tensor([[1.0, 2.0, 3.0]])
        z = y * 2
        y[0, 0] = x[0, 0]
        return y + z

    graph = of(forward, X)
    first = graph.nodes[0]
    assert first.op == "mul"
    np.testing.assert_array_equal(first.inputs[0].array, [[1, 2, 3]])
    kept = rl.zeros(2, 3)
    with pytest.raises(RecordError, match="add_ in the model: got a tensor that the forward"):
        of(lambda x: kept.add_(x), X)


def test_reading_a_view_of_what_was_written_is_refused() -> None:
    def forward(x: Any) -> Any:
        y = x * 2
        row = y[0]
        y += 1
        return row + y

    with pytest.raises(RecordError, match=r"add in the model: got a tensor whose memory was writ"):
        of(forward, X)


def test_buffers_must_not_be_written() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", rl.zeros(()))

        def forward(self, x: Any) -> Any:
            self.seen += 1
            return x * self.seen

    with pytest.raises(RecordError, match="a forward that writes into 'seen'"):
        record(Counts(), X)


# ---- what would hold for the example alone


def _branch(x: Any) -> Any:
    return x * 2 if x.sum() > 0 else x


def _loop(x: Any) -> Any:
    for _ in range(int(x.abs().max())):
        x = x + 1
    return x


@pytest.mark.parametrize(
    "forward, words",
    [
        (_branch, r"bool in the model: got bool\(\) of a tensor that depends on the inputs"),
        (_loop, r"item in the model: got item\(\)"),
        (lambda x: x * float(x[0, 0]), r"got item\(\)"),
        (lambda x: x * rl.tensor(np.sort(x.numpy())), r"got numpy\(\)"),
        (lambda x: x * rl.tensor(np.asarray(x)), r"got numpy\(\)"),
        (lambda x: x * rl.tensor(x.tolist()), r"got tolist\(\)"),
        (lambda x: x[x[:, 0].argmax()], r"got item\(\)"),
        (lambda x: x + rl.randn(2, 3), "randn in the model: got random numbers"),
        (lambda x: nn.functional.dropout(x), "computed outside of tensors"),
        (lambda x: x * rl.from_numpy(np.sin(x._array)), "computed outside of tensors"),
        (lambda x: x[x > 0].sum(), "getitem in the model: got an index by the mask gt_1"),
        (lambda x: x if x.allclose(x) else -x, r"got allclose\(\)"),
        (lambda x: x * x.shape[0] if rl.equal(x, x) else x, r"got equal\(\)"),
    ],
)
def test_refused(forward: Any, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        of(forward, X)


def test_values_of_constants_may_be_looked_at() -> None:
    graph = of(lambda x: x * 2 if rl.ones(2).sum() > 1 else x, X)
    assert ops(graph)[-1] == "mul"


def test_the_place_is_named() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"gate": Of(_branch)})["gate"])
    with pytest.raises(RecordError, match="bool in 1: got"):
        record(model, X)


def test_the_models_own_error_comes_through() -> None:
    with pytest.raises(RuntimeError, match="linear") as caught:
        record(nn.Linear(4, 2), X)
    assert "in recording a graph" in "".join(caught.value.__notes__)


# ---- sizes


def test_sizes_are_formulas() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2), nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.Flatten(2)
    )
    graph = record(model, rl.ones(2, 1, 13, 13), dynamic_axes={"input": {0: "n", 2: "h"}})
    n, _, h, _ = graph.nodes[0].outputs[0].shape
    pooled, after = graph.nodes[1].outputs[0].shape[2], graph.nodes[2].outputs[0].shape[2]
    for sizes in ({"n": 5, "h": 21}, {"n": 1, "h": 40}, {"n": 1, "h": 15}):
        assert n.at(sizes) == sizes["n"]
        assert h.at(sizes) == (sizes["h"] - 3) // 2 + 1
        assert pooled.at(sizes) == ((sizes["h"] - 3) // 2 + 1) // 2
    assert isinstance(after, Size) and after.seen == tuple(2 * n for n in pooled.seen)
    assert str(n) == "n" and graph.sizes["h"] == (graph.inputs[0], 2)


def test_sizes_may_be_products_and_numbers() -> None:
    graph = of(
        lambda x: (x.reshape(-1), x.sum() / x.shape[0], rl.arange(x.shape[0]), x.numel()),
        X, dynamic_axes={"args.0": {0: "n", 1: "m"}},
    )  # fmt: skip
    flat, _, count = graph.outputs
    assert str(flat.shape[0]) == "n*m"
    assert graph.nodes[2].inputs[1].at({"n": 7, "m": 1}) == 7
    assert count.array is None and str(count.shape[0]) == "n"


def test_axes_without_names_get_one() -> None:
    graph = record(nn.ReLU(), X, dynamic_axes={"input": [0, -1]})
    assert list(graph.sizes) == ["input_0", "input_1"]


def test_a_loop_over_a_dynamic_axis_is_refused() -> None:
    with pytest.raises(RecordError, match=r"getitem in the model: got \d+ calls for n=3"):
        of(lambda x: sum(x[i] for i in range(x.shape[0])), X, dynamic_axes={"args.0": {0: "n"}})


def test_an_axis_that_may_not_change_is_named() -> None:
    with pytest.raises(RecordError, match=r"dynamic axis 'k': got no other size") as caught:
        record(nn.Linear(3, 2), X, dynamic_axes={"input": {1: "k"}})
    assert "linear" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "axes, words",
    [
        ({"y": {0: "n"}}, "dynamic_axes: got 'y', expected inputs: input"),
        ({"input": {2: "n"}}, r"got axis 2 of input, expected an axis of \(2, 3\)"),
        ({"input": {0: "n", 1: "n"}}, r"dynamic axis 'n': got 2 and 3 in the example"),
    ],
)
def test_wrong_axes(axes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        record(nn.ReLU(), X, dynamic_axes=axes)


def test_constants_of_a_size_are_refused() -> None:
    def forward(x: Any) -> Any:
        return x * rl.tensor(np.hanning(x.shape[0] + 2)[1:-1, None].astype(np.float32))

    assert of(forward, X).nodes[-1].inputs[1].kind == "constant"
    with pytest.raises(RecordError, match="is another for n=3"):
        of(forward, X, dynamic_axes={"args.0": {0: "n"}})


def test_examples_are_the_example_other_elements_and_other_sizes() -> None:
    graph = record(nn.ReLU(), X, dynamic_axes={"input": {0: "n"}})
    found = list(examples(graph, X))
    assert [sizes for *_, sizes in found][:2] == [{"n": 2}, {"n": 2}]
    (first,), _, _ = found[0]
    assert (first == X).all()
    (other,), _, _ = found[1]
    assert not (other == X).any()
    (longer,), _, sizes = found[2]
    assert longer.shape == (sizes["n"], 3) and sizes["n"] != 2


def test_integers_are_exchanged_within_what_the_example_holds() -> None:
    graph = record(nn.Embedding(5, 2), rl.tensor([4, 0, 2]))
    (_, ((other,), _, _)) = list(examples(graph, rl.tensor([4, 0, 2])))
    assert sorted(other.tolist()) == [0, 2, 4]
    bags = rl.tensor([1, 2, 3, 4]), rl.tensor([0, 1])
    graph = record(nn.EmbeddingBag(5, 2), bags)
    assert graph.way == 1 or graph.way == 2


def test_size_without_a_formula_says_so() -> None:
    with pytest.raises(RecordError, match="no formula is known for the size"):
        Size((3, 5)).at({})
    assert isinstance(Value("x", (1,), np.dtype(np.int64), "input"), Value)
