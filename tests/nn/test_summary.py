"""The summary of a model: its numbers by hand, its graph as it ran, and nothing changed by it."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.nn.summary.graph import Graph
from rushlight.nn.summary.layered import Item, lay_out
from rushlight.nn.summary.multiply_adds import COUNTS, UNCOUNTED
from rushlight.ops.contract import OPS


class Of(nn.Module):
    """A model that runs a function of itself, with members by name."""

    def __init__(self, forward: Any, **members: Any) -> None:
        super().__init__()
        for name, member in members.items():
            setattr(self, name, member)
        self.run = forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(self, *args, **kwargs)


def named(graph: Graph) -> list[tuple[str, str, str]]:
    """Return the edges with the paths of layers, or the titles of other nodes."""
    names = [node.path or node.title for node in graph.nodes]
    names = [
        f"{n}#{node.call}" if node.call else n for n, node in zip(names, graph.nodes, strict=True)
    ]
    return [(names[e.source], names[e.target], e.shape) for e in graph.edges]


def adds(model: Any, shape: Any, **how: Any) -> int:
    return model.summary(shape, **how).multiply_adds


# ---- multiply-adds


COUNTED = [
    (nn.Linear(5, 7), (3, 5), 3 * 5 * 7),
    (nn.Linear(5, 7, bias=False), (2, 3, 5), 6 * 5 * 7),
    (nn.Conv1d(4, 6, 3), (2, 4, 10), 2 * 6 * 8 * 4 * 3),
    (nn.Conv2d(4, 6, (3, 2), stride=2, padding=1), (2, 4, 9, 8), 2 * 6 * 5 * 5 * 4 * 6),
    (nn.Conv2d(4, 8, 3, groups=4, dilation=2), (1, 4, 9, 9), 8 * 25 * 1 * 9),
    (nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4), 3 * 27 * 2 * 8),
    (nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 5, 5), 2 * 4 * 25 * 6 * 9),
    (nn.ConvTranspose1d(4, 6, 3, groups=2), (1, 4, 5), 4 * 5 * 3 * 3),
    (nn.RNN(5, 7), (4, 3, 5), 12 * (5 * 7 + 7 * 7)),
    (nn.LSTM(5, 7, num_layers=2), (4, 3, 5), 12 * 4 * 7 * (5 + 7 + 7 + 7)),
    (nn.LSTM(5, 7, proj_size=2), (4, 3, 5), 12 * (4 * 7 * (5 + 2) + 7 * 2)),
    (nn.GRU(5, 7, bidirectional=True), (4, 3, 5), 2 * 12 * 3 * 7 * (5 + 7)),
    (nn.BatchNorm2d(3), (2, 3, 4, 4), 0),
    (nn.MaxPool2d(2), (2, 3, 4, 4), 0),
    (nn.Softmax(-1), (2, 3), 0),
]


@pytest.mark.parametrize(("model", "shape", "count"), COUNTED, ids=lambda x: str(x)[:30])
def test_a_layer_takes_as_many_multiply_adds_as_its_formula_says(model, shape, count):
    assert adds(model, shape) == count


def test_layers_of_several_inputs_are_counted():
    assert adds(nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)]) == 2 * 5 * 3 * 4
    cell = nn.LSTMCell(3, 4)
    x, h = rl.ones(2, 3), rl.zeros(2, 4)
    assert cell.summary(input_data=(x, (h, h))).multiply_adds == 2 * 4 * 4 * (3 + 4)
    assert adds(nn.Embedding(9, 4), (2, 5), dtypes="int64") == 0
    assert adds(nn.EmbeddingBag(9, 4), (2, 5), dtypes="int64") == 0
    mha = nn.MultiheadAttention(8, 2, batch_first=True)
    both = 3 * (5 * 64 + 7 * 64 + 7 * 64 + 5 * 64) + 3 * 2 * 5 * 7 * (4 + 4)
    assert adds(mha, [(3, 5, 8), (3, 7, 8), (3, 7, 8)]) == both


def test_functional_calls_are_counted_too():
    w = nn.Parameter(rl.ones(6, 4))
    assert adds(Of(lambda m, x: x @ m.w.T, w=w), (3, 4)) == 3 * 6 * 4
    assert adds(Of(lambda m, x: F.linear(x, m.w), w=w), (3, 4)) == 3 * 6 * 4
    assert adds(Of(lambda m, x: rl.einsum("bi,oi->bo", x, m.w), w=w), (3, 4)) == 3 * 6 * 4
    three = Of(lambda m, x: rl.einsum("ab,bc,cd->ad", x, m.w.T, m.w), w=w)
    assert adds(three, (3, 4)) == min(3 * 4 * 6 + 3 * 6 * 4, 4 * 6 * 4 + 3 * 4 * 4)
    assert adds(Of(lambda m, x: rl.einsum("ij->ji", x)), (3, 4)) == 0
    sdpa = Of(lambda m, x: F.scaled_dot_product_attention(x, x, x))
    assert adds(sdpa, (2, 3, 5, 4)) == 2 * 3 * 5 * 5 * (4 + 4)
    assert adds(Of(lambda m, x: F.conv2d(x, rl.ones(2, 3, 1, 1))), (1, 3, 5, 5)) == 2 * 25 * 3
    assert adds(Of(lambda m, x: rl.cdist(x, x)), (30, 4)) == 30 * 30 * 4


def test_a_function_of_ones_own_with_the_name_of_an_op_is_not_taken_for_it():
    class linear(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return rl.tensor(x.numpy() * 2)

    assert adds(Of(lambda m, x: linear.apply(x)), (3, 4)) == 0


def test_ops_that_are_not_counted_are_named():
    summary = Of(lambda m, x: rl.linalg.inv(x)).summary((3, 3))
    assert summary.uncounted == ("inv",)
    assert "multiply-adds of inv" in str(summary)


def test_the_tables_name_ops_that_there_are():
    assert {*COUNTS, *UNCOUNTED} <= {*OPS}
    assert not {*COUNTS} & UNCOUNTED


class Basic(nn.Module):
    def __init__(self, i: int, o: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.downsample = None
        if i != o:
            conv = nn.Conv2d(i, o, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(o))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


def resnet18() -> nn.Module:
    pairs = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
    blocks = [b for i, o, s in pairs for b in (Basic(i, o, s), Basic(o, o))]
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]
    return nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1), *blocks, *tail)


def test_resnet18_has_the_known_numbers():
    summary = resnet18().summary((3, 224, 224))
    assert summary.input == "(1, 3, 224, 224)"
    assert summary.parameters == 11_689_512
    assert summary.multiply_adds == 1_814_073_344
    assert "1,814,073,344 (1.81 G)" in str(summary)


def test_alexnet_has_the_known_numbers():
    sizes = [(3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1)]
    sizes += [(384, 256, 3, 1, 1), (256, 256, 3, 1, 1)]
    layers: list[Any] = []
    for k, size in enumerate(sizes):
        layers += [nn.Conv2d(*size), nn.ReLU(), *([nn.MaxPool2d(3, 2)] if k in (0, 1, 4) else [])]
    tail = nn.Sequential(nn.Flatten(), nn.LazyLinear(64))  # the two wide layers by formula
    summary = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), tail).summary((3, 224, 224))
    wide = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert summary.multiply_adds - 9216 * 64 + wide == 714_188_480


@pytest.mark.slow
def test_vgg16_has_the_known_numbers():
    layers: list[Any] = []
    i = 3
    for o in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
        layers += [nn.Conv2d(i, o, 3, padding=1), nn.ReLU()] if o else [nn.MaxPool2d(2)]
        i = o or i
    layers += [nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()]
    summary = nn.Sequential(*layers, nn.Linear(4096, 1000)).summary((3, 224, 224))
    assert summary.parameters == 138_357_544
    assert summary.multiply_adds == 15_470_264_320


# ---- parameters and rows


def test_parameters_count_once_and_the_frozen_apart():
    tied = nn.Linear(4, 4)
    model = nn.Sequential(tied, nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
    model[2].weight = tied.weight
    model[3].requires_grad_(False)
    summary = model.summary((1, 4))
    assert (summary.trainable, summary.frozen) == (20 + 4, 10)
    assert summary.parameters == sum(p.numel() for p in model.parameters())
    assert summary.parameter_bytes == 4 * 34
    assert [row.shared for row in summary.rows] == [0, 0, 0, 16, 0]
    assert "16 shared with a row above" in str(summary)
    assert "frozen" in str(summary).splitlines()[8]


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_depth_hides_rows_and_keeps_the_totals(depth):
    model = nn.Sequential(Basic(2, 4), nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()))
    whole, part = model.summary((2, 6, 6)), model.summary((2, 6, 6), depth=depth)
    assert max(row.depth for row in part.rows) == depth
    for name in ("parameters", "multiply_adds", "activation_bytes", "input", "output"):
        assert getattr(part, name) == getattr(whole, name)
    assert sum(row.multiply_adds for row in part.rows) == whole.multiply_adds
    assert all(len(n.path.split(".")) <= max(depth, 1) for n in part.graph.nodes if n.path)


def test_the_table_shows_calls_and_layers_that_are_not_called():
    shared, idle = nn.Linear(3, 3), nn.Linear(3, 5)
    model = Of(lambda m, x: m.shared(m.shared(x)), shared=shared, idle=idle)
    summary = model.summary((2, 3))
    rows = {row.path: row for row in summary.rows}
    assert (rows["shared"].calls, rows["shared"].multiply_adds) == (2, 2 * 2 * 9)
    assert (rows["idle"].calls, rows["idle"].output, rows["idle"].note) == (0, "", "never called")
    assert "called 2 times" in str(summary)
    assert "never called" in str(summary)


def test_what_holds_called_layers_is_not_reproached():
    layers = nn.ModuleList([nn.Linear(3, 3)])
    model = Of(lambda m, x: m.layers[0](x), layers=layers)
    assert [row.note for row in model.summary((3,)).rows] == ["", "", ""]
    attention = nn.MultiheadAttention(4, 2)
    rows = attention.summary([(3, 4)] * 3).rows
    assert rows[1].note == "its parameters are used around it"


def test_activations_are_what_ops_make_and_views_take_none():
    model = nn.Sequential(nn.Linear(4, 8), nn.Unflatten(1, (2, 4)), nn.Flatten(), nn.Dropout())
    assert model.summary((3, 4)).activation_bytes == 3 * 8 * 4


def test_the_table_is_a_tree():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 1))
    lines = str(model.summary((1, 2))).splitlines()
    assert [line[:12] for line in lines[4:9]] == [
        "Sequential  ",
        "├─ 0 Sequent",
        "│  ├─ 0 Line",
        "│  └─ 1 ReLU",
        "└─ 1 Linear ",
    ]
    assert len({len(line) for line in lines[2:9]}) == 1


def test_siblings_stand_in_the_order_of_their_calls():
    model = Of(lambda m, x: m.a(m.b(x)), a=nn.Linear(3, 2), b=nn.Linear(4, 3))
    assert [row.path for row in model.summary((4,)).rows] == ["", "b", "a"]


# ---- what it is called with


def test_a_shape_is_taken_with_a_batch_or_without():
    cnn = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2 * 36, 5))
    assert cnn.summary((1, 8, 8)).input == "(1, 1, 8, 8)"
    assert cnn.summary((4, 1, 8, 8)).input == "(4, 1, 8, 8)"
    assert cnn.summary((None, 1, 8, 8)).input == "(1, 1, 8, 8)"
    assert cnn.summary([-1, 1, 8, 8]).input == "(1, 1, 8, 8)"
    assert nn.Linear(3, 2).summary(3).input == "(3,)"


def test_several_inputs_dtypes_and_tensors():
    model = Of(lambda m, words, scale: m.table(words) * scale, table=nn.Embedding(5, 3))
    shapes = [(2, 4), (2, 4, 3)]
    assert model.summary(shapes, dtypes=["int64", None]).output == "(2, 4, 3)"
    by_name = {"scale": (2, 4, 3), "words": (2, 4)}
    found = model.summary(by_name, dtypes={"words": "int32"})
    assert found.input == "scale: (2, 4, 3), words: (2, 4) int32"
    words, scale = rl.tensor([[4, 1]]), rl.ones(1, 2, 3)
    for data in ((words, scale), {"scale": scale, "words": words}, [words, np.ones((1, 2, 3))]):
        assert model.summary(input_data=data).output == "(1, 2, 3)"


def test_inputs_have_the_dtype_of_the_parameters():
    assert nn.Linear(3, 2).double().summary((1, 3)).activation_bytes == 2 * 8


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ({}, TypeError, "neither of input_shape and input_data"),
        ({"input_shape": (3,), "input_data": 1}, TypeError, "both of"),
        ({"input_shape": (3, 0)}, ValueError, r"shape \(3, 0\), expected ints above 0"),
        ({"input_shape": "3x4"}, ValueError, "shape '3x4'"),
        ({"input_shape": (3, None)}, ValueError, "the first may be None"),
        ({"input_shape": (2.5,)}, ValueError, r"shape \(2.5,\)"),
        ({"input_shape": (3,), "depth": -1}, ValueError, "depth=-1"),
        ({"input_shape": (3,), "depth": True}, ValueError, "depth=True"),
        ({"input_shape": (3,), "dtypes": ["int64"] * 2}, ValueError, "2 dtypes for 1 inputs"),
        ({"input_shape": {"x": (3,)}, "dtypes": {"y": "int64"}}, ValueError, r"dtypes of \['y'\]"),
        ({"input_shape": (3,), "dtypes": "complex64"}, TypeError, "complex64"),
        ({"input_data": rl.ones(3), "dtypes": "int64"}, TypeError, "dtypes with input_data"),
    ],
)
def test_bad_arguments_are_told(how, kind, text):
    with pytest.raises(kind, match=text):
        nn.Linear(3, 2).summary(**how)


def test_an_error_says_which_layer_failed_on_which_shape():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(7, 2))
    with pytest.raises(rl.errors.ShapeError) as caught:
        model.summary((1, 8, 8))
    notes = "\n".join(caught.value.__notes__)
    assert "in summary: layer '2' (Linear) was given (2, 36) float32" in notes
    other = "tried with a batch of 1 before it, too: layer '2' (Linear) was given (1, 72) float32"
    assert other in notes
    assert model[0]._call_hooks is None


# ---- nothing is changed


def _state(model: Any) -> Any:
    members = [dict(m.__dict__) for m in model.modules()]
    tensors = [t._array.copy() for t in (*model.parameters(), *model.buffers())]
    random = rl.get_rng_state()
    return members, tensors, {k: np.array(v).tolist() for k, v in random.items()}


def _same(a: Any, b: Any) -> bool:
    ours, theirs = a[0], b[0]
    alike = [
        x.keys() == y.keys() and all(x[k] is y[k] for k in x)
        for x, y in zip(ours, theirs, strict=True)
    ]
    return all(alike) and all(map(np.array_equal, a[1], b[1])) and a[2] == b[2]


class Restless(nn.Module):
    """Changes whatever it can in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", rl.zeros(1))
        self.table = nn.Embedding(4, 3, max_norm=0.1)
        self.drop = nn.Dropout(0.5)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        self.seen += 1
        self.seen.numpy()[0] += 1
        self.last = x
        self.train()
        y = self.drop(self.table(x)) + rl.randn(3)
        if self.seen.item() > 7:
            raise ArithmeticError("enough")
        return y


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_of_the_model_is_changed(fails, training):
    rl.manual_seed(3)
    model = Restless().train(training)
    model.seen.fill_(7 if fails else 0)
    before = _state(model)
    if fails:
        with pytest.raises(ArithmeticError, match="enough"):
            model.summary((2,), dtypes="int64")
    else:
        model.summary((2,), dtypes="int64")
    assert _same(before, _state(model))
    assert rl.is_grad_enabled()


def test_backward_may_follow_a_summary_of_what_it_goes_through():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    loss = model(rl.ones(4, 3)).sum()
    model.summary((4, 3))
    loss.backward()
    assert model[0].weight.grad is not None


def test_hooks_of_the_user_run_and_stay():
    model, seen = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), []
    model[0].register_forward_pre_hook(lambda m, args: seen.append("before"))
    model[0].register_forward_hook(lambda m, args, y: y[:, :1])
    hooks = model[0]._call_hooks
    assert model.summary((4, 3)).output == "(4, 1)"
    assert seen == ["before"]
    assert model[0]._call_hooks is hooks
    assert [len(kept) for kept in vars(hooks).values()] == [1, 1, 0, 0]


def test_the_chains_that_layers_have_learnt_are_kept():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    x = rl.ones(2, 3)
    first = model(x)
    row = model._rows.known.parts[0]
    (chain,) = row.known[2].values()
    model.summary((2, 3))
    assert rl.equal(model(x), first)
    assert model._rows.known.parts[0] is row
    assert list(row.known[2].values()) == [chain]


def test_lazy_layers_remain_lazy_and_are_counted():
    rl.manual_seed(0)
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5))
    summary = model.summary((2, 6, 6))
    assert summary.parameters == (2 * 9 * 4 + 4) + 8 + (64 * 5 + 5)
    assert type(model[0]).__name__ == "LazyConv2d"
    assert model[3].has_uninitialized_params()
    model(rl.ones(1, 2, 6, 6))
    rl.manual_seed(0)
    twin = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5))
    twin(rl.ones(1, 2, 6, 6))
    assert rl.equal(model[0].weight, twin[0].weight)


def test_a_member_named_summary_goes_before_the_method():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.summary = nn.Linear(3, 2)

        def forward(self, x):
            return self.summary(x)

    net = Net()
    assert net(rl.ones(1, 3)).shape == (1, 2)
    assert [*net.state_dict()] == ["summary.weight", "summary.bias"]
    assert nn.ModuleDict({"summary": nn.ReLU()})["summary"](rl.ones(1)).item() == 1
    model = nn.Module()
    model.register_buffer("summary", rl.ones(2))
    assert model.summary.shape == (2,)
    with pytest.raises(KeyError, match="already exists"):
        model.register_parameter("summary", nn.Parameter(rl.ones(1)))
    model = nn.Module()
    model.summary = "text"
    assert model.summary == "text"
    with pytest.raises(KeyError, match="already exists"):
        model.register_buffer("summary", rl.ones(2))
    assert nn.Module.summary(net, (1, 3)).output == "(1, 2)"


# ---- the graph


def test_a_row_of_layers_is_a_row_of_nodes():
    graph = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).summary((2, 4)).graph
    assert [(n.kind, n.title, n.path) for n in graph.nodes] == [
        ("input", "input", ""),
        ("layer", "Linear", "0"),
        ("layer", "ReLU", "1"),
        ("output", "output", ""),
    ]
    assert named(graph) == [
        ("input", "0", "(2, 4)"),
        ("0", "1", "(2, 3)"),
        ("1", "output", "(2, 3)"),
    ]


def test_a_residual_that_is_added_in_place_is_an_edge():
    edges = named(nn.Sequential(Basic(2, 2)).summary((1, 2, 4, 4)).graph)
    shape = "(1, 2, 4, 4)"
    assert [e for e in edges if e[1] == "add"] == [("0.bn2", "add", shape), ("input", "add", shape)]
    assert ("add", "0.relu#2", shape) in edges
    assert ("0.relu#1", "0.conv2", shape) in edges
    graph = nn.Sequential(Basic(2, 2)).summary((1, 2, 4, 4)).graph
    assert set(graph.groups.values()) == {"0 Basic"}
    assert {n.groups for n in graph.nodes if n.kind in ("layer", "op")} == {tuple(graph.groups)}


def test_what_is_handed_through_comes_from_the_layer_for_who_reads_it_there():
    def forward(m, x):
        return x + m.b(m.drop(x))

    model = Of(forward, drop=nn.Dropout(), b=nn.Linear(3, 3))
    assert sorted(named(model.summary((2, 3)).graph)) == [
        ("add", "output", "(2, 3)"),
        ("args", "add", "(2, 3)"),
        ("args", "drop", "(2, 3)"),
        ("b", "add", "(2, 3)"),
        ("drop", "b", "(2, 3)"),
    ]


def test_a_layer_that_is_called_twice_is_two_nodes():
    graph = Of(lambda m, x: m.a(m.a(x)), a=nn.Linear(3, 3)).summary((2, 3)).graph
    assert [(s, t) for s, t, _ in named(graph)] == [
        ("args", "a#1"),
        ("a#1", "a#2"),
        ("a#2", "output"),
    ]


def test_views_that_are_written_to_lead_on():
    def forward(m, x):
        y = rl.zeros(2, 2, 3)
        y[0] = m.a(x)
        y[1].copy_(m.b(x))
        return m.c(y)

    layers = {name: nn.Linear(3, 3) for name in "abc"}
    edges = {(s, t) for s, t, _ in named(Of(forward, **layers).summary((2, 3)).graph)}
    assert {("a", "setitem"), ("b", "copy"), ("copy", "c"), ("c", "output")} <= edges
    assert ("args", "c") not in edges


def test_detached_and_numpy_results_are_followed_or_marked():
    def forward(m, x):
        return m.b(m.a(x).detach()) + m.c(rl.tensor(m.a(x).numpy() * 2))

    layers = {name: nn.Linear(3, 3) for name in "abc"}
    edges = {(s, t) for s, t, _ in named(Of(forward, **layers).summary((2, 3)).graph)}
    assert ("a#1", "b") in edges
    assert ("constant", "c") in edges


def test_a_function_of_ones_own_is_a_node():
    class Twice(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return rl.tensor(x.numpy() * 2)

    edges = named(Of(lambda m, x: m.a(Twice.apply(x)), a=nn.Linear(3, 3)).summary((2, 3)).graph)
    assert edges[:2] == [("args", "Twice", "(2, 3)"), ("Twice", "a", "(2, 3)")]


def test_embedding_by_function_parameters_and_constants():
    def forward(m, words):
        return F.embedding(words, m.table) + m.places(rl.arange(4)) + 1.0

    model = Of(forward, table=nn.Parameter(rl.ones(5, 3)), places=nn.Embedding(4, 3))
    graph = model.summary((2, 4), dtypes="int64").graph
    assert sorted(named(graph)) == [
        ("add", "add", "(2, 4, 3)"),
        ("add", "output", "(2, 4, 3)"),
        ("args", "table", "(2, 4) int64"),
        ("constant", "places", "(4,) int64"),
        ("places", "add", "(4, 3)"),
        ("table", "add", "(2, 4, 3)"),
    ]
    (op,) = [n for n in graph.nodes if n.path == "table"]
    assert (op.kind, op.title, op.trained) == ("op", "rows_of", True)


def test_tuples_and_dicts_are_followed():
    def forward(m, x):
        y, (h, _) = m.lstm(x)
        return {"all": y, "last": m.head(h[-1])}

    model = Of(forward, lstm=nn.LSTM(3, 4), head=nn.Linear(4, 2))
    summary = model.summary((5, 1, 3))
    assert summary.output == "all: (5, 1, 4), last: (1, 2)"
    assert sorted(named(summary.graph)) == [
        ("args", "lstm", "(5, 1, 3)"),
        ("getitem", "head", "(1, 4)"),
        ("head", "last", "(1, 2)"),
        ("lstm", "all", "(5, 1, 4)"),
        ("lstm", "getitem", "(1, 1, 4)"),
    ]


def test_packed_sequences_are_followed():
    def forward(m, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(m.gru(packed)[0])[0]

    model = Of(forward, gru=nn.GRU(3, 4))
    summary = model.summary(input_data=(rl.ones(5, 2, 3), rl.tensor([5, 3])))
    assert summary.multiply_adds == 8 * 3 * 4 * (3 + 4)
    graph = summary.graph
    gru = next(i for i, node in enumerate(graph.nodes) if node.path == "gru")
    assert any(e.target == gru for e in graph.edges)
    assert any(e.source == gru for e in graph.edges)


def test_ops_that_lead_nowhere_are_left_out():
    def forward(m, x):
        (x * 2).sum()
        return m.a(x)

    graph = Of(forward, a=nn.Linear(3, 3)).summary((2, 3)).graph
    assert [n.kind for n in graph.nodes] == ["input", "layer", "output"]


def test_layers_in_a_plain_list_are_seen_op_by_op_every_time():
    def forward(m, x):
        return hidden[0](x)

    hidden = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))]
    model = Of(forward)
    for _ in range(3):
        model(rl.ones(2, 3))  # the row learns its chain, which would be one op
        summary = model.summary((2, 3))
        assert summary.multiply_adds == 2 * (12 + 8)
        assert [n.title for n in summary.graph.nodes][1:-1] == ["linear", "relu", "linear"]


def test_a_model_that_goes_on_after_an_error_of_a_layer_is_followed():
    def forward(m, x):
        try:
            return m.bad(x)
        except rl.errors.ShapeError:
            return m.good(x)

    model = Of(forward, bad=nn.Linear(9, 1), good=nn.Linear(3, 2))
    summary = model.summary((2, 3))
    assert summary.output == "(2, 2)"
    assert ("good", "output", "(2, 2)") in named(summary.graph)


def test_edges_go_from_earlier_to_later_nodes():
    layer = nn.TransformerDecoderLayer(8, 2, 16)
    graph = nn.TransformerDecoder(layer, 2).summary([(4, 1, 8), (5, 1, 8)]).graph
    assert all(e.source < e.target for e in graph.edges)
    memory = next(i for i, n in enumerate(graph.nodes) if n.title == "memory")
    readers = {graph.nodes[e.target].path for e in graph.edges if e.source == memory}
    assert readers == {"layers.0.multihead_attn", "layers.1.multihead_attn"}


# ---- the drawing


def _svg(model: Any, shape: Any) -> tuple[Any, str]:
    summary = model.summary(shape)
    return summary, summary.to_svg()


def test_the_drawing_is_xml_with_each_node_edge_and_shape():
    summary, text = _svg(nn.Sequential(Basic(2, 4, 2), Basic(4, 4)), (1, 2, 8, 8))
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    rects = [r for r in root.iter(f"{space}rect") if r.get("class") != "box"]
    assert len(rects) == len(summary.graph.nodes)
    wires = [p for p in root.iter(f"{space}path") if p.get("class") == "wire"]
    assert len(wires) == len(summary.graph.edges)
    shapes = {t.text for t in root.iter(f"{space}text") if "shape" in str(t.get("class"))}
    assert shapes == {edge.shape for edge in summary.graph.edges}
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    boxes = [(float(r.get("x")), float(r.get("y")), float(r.get("width"))) for r in rects]
    for (x, y, w), (u, v, _) in itertools.combinations(sorted(boxes), 2):
        assert abs(y - v) > 20 or u >= x + w


def test_names_are_escaped():
    class Odd(nn.Module):
        def extra_repr(self) -> str:
            return '<script>alert("&")</script>'

        def forward(self, x):
            return x * 2

    summary = nn.Sequential({"a<b": Odd()}).summary((2,))
    for text in (summary.to_svg(), summary.to_html(), summary.to_page(), summary._repr_html_()):
        assert "<script" not in text
        assert "a&lt;b" in text
    ET.fromstring(summary.to_svg())


def test_a_residual_stands_in_one_line_and_its_way_around_beside_it():
    items = [Item(30, 30) for _ in range(5)]
    routes = lay_out(items, [(0, 1, 1), (1, 2, 2), (2, 3, 3), (0, 3, 1), (3, 4, 4)], {0}, {})
    assert len({item.x for item in items}) == 1
    assert [item.rank for item in items] == [0, 1, 2, 3, 4]
    around = routes[3].items
    assert [item.bend for item in around] == [False, True, True, False]
    assert {item.x for item in around[1:-1]} == {around[1].x}
    assert around[1].x >= items[1].x + 30


def test_edges_of_one_tensor_share_their_way_and_crossings_are_undone():
    items = [Item(20, 20) for _ in range(4)]
    routes = lay_out(items, [(0, 1, 1), (1, 2, 2), (2, 3, 3), (0, 2, 1), (0, 3, 1)], {0}, {})
    assert routes[3].items[1] is routes[4].items[1]
    items = [Item(20, 20) for _ in range(5)]
    lay_out(items, [(0, 1, 1), (0, 2, 2), (1, 4, 3), (2, 3, 4)], {0}, {})
    left, right = sorted((items[1], items[2]), key=lambda item: item.x)
    assert [i.x for i in (*left.below, *right.below)] == [left.x, right.x]


@pytest.mark.parametrize("seed", range(20))
def test_any_graph_is_laid_out_without_overlaps(seed):
    source = np.random.default_rng(seed)
    n = 14
    edges = [
        (i, j, i) for i in range(n) for j in range(i + 1, n) if source.random() < 2.5 / (j - i) / 4
    ]
    items = [Item(*source.uniform(10, 60, 2)) for _ in range(n)]
    routes = lay_out(items, edges, set(), {(i, i): 30.0 for i in range(n)})
    for route in routes:
        ranks = [item.rank for item in route.items]
        assert ranks == [*range(ranks[0], ranks[-1] + 1)]
    every = {id(i): i for r in routes for i in r.items} | {id(i): i for i in items}
    for a, b in itertools.combinations(every.values(), 2):
        if a.rank == b.rank:
            a, b = sorted((a, b), key=lambda item: item.x)
            assert a.x + a.right <= b.x - b.left + 1e-6
    assert all(math.isfinite(item.x) for item in every.values())
