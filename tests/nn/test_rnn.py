"""Recurrent layers and cells: what the samples of modules cannot say."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import nn
from rushlight.check import gradcheck, gradgradcheck
from rushlight.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

X = normal(4, 2, 3)
KINDS = ["RNN", "LSTM", "GRU"]


def _make(kind: str, *args: Any, **options: Any) -> Any:
    rl.manual_seed(0)
    return getattr(nn, kind)(*args, **options).double()


def _flat(result: Any) -> list[Any]:
    return [r for part in result for r in _flat(part)] if isinstance(result, tuple) else [result]


# ---- the parts agree


@pytest.mark.parametrize("kind", KINDS)
def test_layer_is_its_cell_step_by_step(kind: str) -> None:
    layer, cell = _make(kind, 3, 4), _make(f"{kind}Cell", 3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = rl.tensor(X)
    output, last = layer(x)
    state = None
    for t in range(len(x)):
        state = cell(x[t], state)
        h = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(h.detach().numpy(), output[t].detach().numpy(), 1e-13)
    for a, b in zip(_flat(state), _flat(last), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b[0].detach().numpy(), 1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_are_the_single_ones(kind: str) -> None:
    """A packed batch gives for each sequence what the sequence alone gives, in its place."""
    layer = _make(kind, 3, 4, num_layers=2, bidirectional=True, batch_first=True)
    lengths = [2, 4, 1, 4]
    x = rl.tensor(normal(4, 4, 3))
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, last = layer(packed)
    padded, found = pad_packed_sequence(output, batch_first=True)
    assert found.tolist() == lengths and type(output) is type(packed)
    for i, n in enumerate(lengths):
        alone, end = layer(x[i, :n])
        np.testing.assert_allclose(padded[i, :n].detach(), alone.detach(), 1e-12)
        assert not padded[i, n:].detach().numpy().any()
        for a, b in zip(_flat(last), _flat(end), strict=True):
            np.testing.assert_allclose(a[:, i].detach(), b.detach(), 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives(kind: str) -> None:
    layer = _make(kind, 2, 2, num_layers=2, bidirectional=True)
    names = [name for name, _ in layer.named_parameters()]
    x = rl.tensor(normal(3, 2, 2), requires_grad=True)

    def call(x: Any, *weights: Any) -> Any:
        for name, weight in zip(names, weights, strict=True):
            del layer._parameters[name]
            object.__setattr__(layer, name, weight)
        try:
            return tuple(_flat(layer(x)))
        finally:
            for name, p in kept.items():
                object.__delattr__(layer, name)
                layer._parameters[name] = p

    kept = dict(layer.named_parameters())
    inputs = [x, *(rl.tensor(p.detach().numpy(), requires_grad=True) for p in kept.values())]
    assert gradcheck(call, inputs)
    assert gradgradcheck(call, inputs, directions=1)


@pytest.mark.parametrize("kind", KINDS)
def test_float16(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4).half()
    x = rl.tensor(X, dtype=rl.float16, requires_grad=True)
    output, _ = layer(x)
    output.sum().backward()
    wide, _ = copy.deepcopy(layer).float()(x.detach().float())
    assert output.dtype == x.grad.dtype == layer.weight_hh_l0.grad.dtype == rl.float16
    np.testing.assert_allclose(output.detach().float(), wide.detach(), 5e-2, 5e-3)


# ---- options


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_stands_between_layers_in_training_only(kind: str) -> None:
    layer = _make(kind, 3, 4, num_layers=2, dropout=0.5)
    plain = _make(kind, 3, 4, num_layers=2)
    plain.load_state_dict(layer.state_dict())
    x = rl.tensor(X)
    right = plain(x)[0].detach().numpy()
    assert (layer.eval()(x)[0].detach().numpy() == right).all()
    layer.train()
    rl.manual_seed(3)
    first = layer(x)[0].detach().numpy()
    second = layer(x)[0].detach().numpy()
    assert (first != right).any() and (first != second).any()
    rl.manual_seed(3)
    assert (layer(x)[0].detach().numpy() == first).all()
    # with p = 1 the second layer sees zeros, whatever the input
    layer.dropout = 1.0
    assert (layer(x)[0].detach().numpy() == layer(x * 2.0)[0].detach().numpy()).all()
    # behind the last layer there is none: a state is h of the last step
    one = layer(x)
    h = one[1][0] if kind == "LSTM" else one[1]
    assert (one[0][-1] == h[-1]).all()
    with pytest.warns(UserWarning, match=r"dropout=0.5 does nothing with num_layers=1"):
        getattr(nn, kind)(3, 4, dropout=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gradient_where_none_is_asked(kind: str) -> None:
    layer = _make(kind, 3, 4, num_layers=2).requires_grad_(False)
    assert not layer(rl.tensor(X))[0].requires_grad
    layer.weight_hh_l1.requires_grad_()
    layer(rl.tensor(X))[0].sum().backward()
    assert [name for name, p in layer.named_parameters() if p.grad is not None] == ["weight_hh_l1"]


@pytest.mark.parametrize("kind", KINDS)
def test_unused_outputs_and_last_states_alone(kind: str) -> None:
    """Only the output, only the state: the gradients add up to those of both."""
    torch = pytest.importorskip("torch")
    ours = _make(kind, 3, 4)
    theirs = getattr(torch.nn, kind)(3, 4).double()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    for k in range(3 if kind == "LSTM" else 2):
        grads = []
        for lib, layer in ((rl, ours), (torch, theirs)):
            layer.zero_grad()
            x = lib.tensor(X, requires_grad=True)
            y, last = layer(x)
            outputs = [y, *last] if kind == "LSTM" else [y, last]
            (outputs[k] ** 2).sum().backward()
            grads.append([t.grad.numpy() for t in (x, *layer.parameters())])
        for a, b in zip(*grads, strict=True):
            np.testing.assert_allclose(a, b, 1e-9, 1e-12)


def test_parameters_by_layer() -> None:
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    weights = layer.all_weights
    assert [len(w) for w in weights] == [5] * 4
    assert weights[3][4] is layer.weight_hr_l1_reverse
    assert layer.flatten_parameters() is None
    fresh = nn.Parameter(rl.zeros(16, 3))
    layer.weight_ih_l0 = fresh
    assert layer.all_weights[0][0] is fresh
    assert layer.double().all_weights[0][0].dtype == rl.float64


@pytest.mark.parametrize("kind", KINDS)
def test_large_batches_in_float32(kind: str) -> None:
    """Blocks of steps, and rows enough for the compiled products."""
    torch = pytest.importorskip("torch")
    x = normal(11, 40, 24).astype("float32")
    rl.manual_seed(0)
    ours = getattr(nn, kind)(24, 48)
    theirs = getattr(torch.nn, kind)(24, 48)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    grads = []
    for lib, layer in ((rl, ours), (torch, theirs)):
        t = lib.tensor(x, requires_grad=True)
        (layer(t)[0] ** 2).sum().backward()
        grads.append([p.grad.numpy() for p in (t, *layer.parameters())])
    for a, b in zip(*grads, strict=True):
        assert abs(a - b).max() < 2e-5 * abs(b).max()


def test_inf_and_nan_go_through() -> None:
    torch = pytest.importorskip("torch")
    x = X.copy()
    x[1, 0, 0], x[0, 1, 2] = np.nan, np.inf
    for kind in KINDS:
        ours = _make(kind, 3, 4)
        theirs = getattr(torch.nn, kind)(3, 4).double()
        theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
        a, b = ours(rl.tensor(x))[0].detach().numpy(), theirs(torch.tensor(x))[0].detach().numpy()
        np.testing.assert_allclose(a, b, 1e-9, 1e-12)


def test_writing_to_the_output_is_noticed() -> None:
    layer = _make("GRU", 3, 4)
    output, _ = layer(rl.tensor(X, requires_grad=True))
    loss = output.sum()
    with rl.no_grad():
        output.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_packed_sequences_survive_pickling_and_copying() -> None:
    packed = pack_padded_sequence(rl.tensor(X), [4, 2])
    for other in (pickle.loads(pickle.dumps(packed)), copy.deepcopy(packed)):
        assert type(other) is type(packed) and (other.data == packed.data).all()
        assert other.batch_sizes.tolist() == [2, 2, 1, 1]


# ---- errors

BAD_OPTIONS: list[tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ("GRU", (3, 0), {}, ValueError, "GRU: got hidden_size=0, expected hidden_size > 0"),
    ("LSTM", (0, 3), {}, ValueError, "input_size=0"),
    ("LSTM", (3, 3, 0), {}, ValueError, "num_layers=0"),
    ("LSTM", (3.0, 3), {}, TypeError, "input_size=3.0, expected an int"),
    ("LSTM", (3, "3"), {}, TypeError, "hidden_size='3'"),
    ("RNN", (3, 3), {"bias": 1}, TypeError, "RNN_TANH: got bias=1, expected a bool"),
    ("GRU", (3, 3), {"batch_first": 0}, TypeError, "batch_first=0, expected a bool"),
    ("LSTM", (3, 3, 2), {"dropout": 1.5}, ValueError, "dropout: got 1.5, expected 0 to 1"),
    ("LSTM", (3, 3, 2), {"dropout": True}, ValueError, "got True"),
    ("LSTM", (3, 3, 2), {"dropout": "a"}, ValueError, "got 'a'"),
    ("LSTM", (3, 3), {"proj_size": 3}, ValueError, "proj_size=3, expected 0 .* hidden_size=3"),
    ("LSTM", (3, 3), {"proj_size": -1}, ValueError, "proj_size=-1"),
    ("GRU", (3, 3), {"proj_size": 2}, ValueError, "got proj_size, expected it with LSTM only"),
    ("RNN", (3, 3), {"proj_size": 0}, ValueError, "with LSTM only"),
    ("RNN", (3, 3), {"nonlinear": "relu"}, TypeError, r"got \['nonlinear'\]"),
    ("RNN", (3, 3), {"nonlinearity": "sin"}, ValueError, "'sin', expected 'tanh' or 'relu'"),
    ("RNNBase", ("X", 3, 3), {}, ValueError, "mode 'X'"),
    ("LSTM", (3, 3), {"proj_size": 1.5}, TypeError, "LSTM: got proj_size=1.5, expected an int"),
    ("RNNCell", (3.0, 4), {}, TypeError, "RNNCell: got input_size=3.0, expected an int"),
    ("GRUCell", (3, "4"), {}, TypeError, "GRUCell: got hidden_size='4', expected an int"),
]


@pytest.mark.parametrize(("kind", "args", "options", "error", "match"), BAD_OPTIONS)
def test_options_that_torch_refuses(
    kind: str, args: Any, options: Any, error: Any, match: str
) -> None:
    with pytest.raises(error, match=match):
        getattr(nn, kind)(*args, **options)
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        getattr(torch.nn, kind)(*args, **options)


BAD_CALLS: list[tuple[Any, type[Exception], str]] = [
    (lambda t: t.nn.GRU(3, 4)(t.ones(3)), ValueError, r"GRU: got input \(3,\), expected 2 or 3"),
    (lambda t: t.nn.GRU(3, 4)(t.ones(2, 2, 5)), RuntimeError, "3 dims, the last of size 3"),
    (lambda t: t.nn.LSTM(3, 4)(t.ones(0, 2, 3)), RuntimeError, "a sequence of 0 steps"),
    (
        lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3).double()),
        ValueError,
        r"got input float64, expected float32, .*; input.to\('float32'\) or module.to\('float64'\)",
    ),
    (
        lambda t: t.nn.GRU(3, 4)(t.ones(2, 2, 3), t.ones(1, 3, 4)),
        RuntimeError,
        r"GRU: got initial states \(1, 3, 4\), expected \(1, 2, 4\)",
    ),
    (
        lambda t: t.nn.GRU(3, 4)(t.ones(2, 2, 3), t.ones(2, 4)),
        RuntimeError,
        r"initial states \(2, 4\)",
    ),
    (
        lambda t: t.nn.GRU(3, 4)(t.ones(2, 3), t.ones(1, 1, 4)),
        RuntimeError,
        r"expected \(1, 4\)",
    ),
    (
        lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3), (t.ones(1, 2, 4), t.ones(1, 2, 5))),
        RuntimeError,
        r"states \(1, 2, 4\) and \(1, 2, 5\), expected \(1, 2, 4\) and \(1, 2, 4\)",
    ),
    (
        lambda t: t.nn.LSTM(3, 4)(t.ones(2, 2, 3), (t.ones(1, 2, 4), t.ones(1, 2, 4).double())),
        RuntimeError,
        "c0 float64",
    ),
    (lambda t: t.nn.RNNBase("GRU", 3, 4)(t.ones(2, 2, 3)), NotImplementedError, "forward"),
    (lambda t: t.nn.RNNCell(3, 4)(t.ones(1, 1, 3)), ValueError, r"RNNCell: got input \(1, 1, 3\)"),
    (lambda t: t.nn.RNNCell(3, 4)(t.ones(3), t.ones(1, 1, 4)), ValueError, "got state"),
    (lambda t: t.nn.RNNCell(3, 4)(t.ones(2, 5)), RuntimeError, r"input \(2, 5\) with weight_ih"),
    (lambda t: t.nn.GRUCell(3, 4)(t.ones(2, 3), t.ones(3, 4)), RuntimeError, r"h0 \(3, 4\)"),
    (lambda t: t.nn.GRUCell(3, 4)(t.ones(2, 3), t.ones(2, 5)), RuntimeError, r"h0 \(2, 5\)"),
    (lambda t: t.nn.GRUCell(3, 4)(t.ones(2, 3).double()), RuntimeError, "weight_ih float32"),
    (lambda t: t.nn.LSTMCell(3, 4)(t.ones(2, 3), (t.ones(2, 4),)), RuntimeError, "1 states"),
    (
        lambda t: t.nn.LSTMCell(3, 4)(t.ones(2, 3), (t.ones(2, 4), t.ones(3, 4))),
        RuntimeError,
        r"c0 \(3, 4\)",
    ),
    (
        lambda t: t.nn.RNNCell(3, 4, nonlinearity="sin")(t.ones(3)),
        RuntimeError,
        "nonlinearity='sin'",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), BAD_CALLS)
def test_calls_that_torch_refuses(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(rl)
    torch = pytest.importorskip("torch")
    with pytest.raises(error):
        call(torch)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_the_wrong_kind(kind: str) -> None:
    for value in (None, [1.0], X, tuple(pack_padded_sequence(rl.tensor(X), [4, 2]))):
        match = f"{kind}: got input of type {type(value).__name__}, expected a Tensor or a Packed"
        with pytest.raises(TypeError, match=match):
            _make(kind, 3, 4)(value)


def test_a_missing_weight_is_named() -> None:
    layer = nn.GRU(3, 4)
    del layer.bias_hh_l0
    with pytest.raises(AttributeError, match="'bias_hh_l0'"):
        layer(rl.ones(2, 2, 3))


def test_states_of_the_wrong_kind() -> None:
    x = rl.ones(2, 2, 3)
    with pytest.raises(TypeError, match="LSTM: got hx of type Tensor, expected a tuple of Tensors"):
        nn.LSTM(3, 4)(x, rl.ones(1, 2, 4))
    with pytest.raises(TypeError, match="GRU: got hx of type tuple, expected a Tensor, h_0"):
        nn.GRU(3, 4)(x, (rl.ones(1, 2, 4),))
    with pytest.raises(TypeError, match="GRUCell: got state of type list, expected a Tensor"):
        nn.GRUCell(3, 4)(x[0], [1.0])
    with pytest.raises(TypeError, match="LSTMCell: got hx of type Tensor, expected a tuple of"):
        nn.LSTMCell(3, 4)(x[0], rl.ones(2, 2, 4))
    packed = pack_padded_sequence(x, [2, 1])
    with pytest.raises(RuntimeError, match=r"GRU: got initial states \(1, 1, 4\)"):
        nn.GRU(3, 4)(packed, rl.ones(1, 1, 4))
    with pytest.raises(RuntimeError, match=r"GRU: got input \(3, 3\), expected 2 dims"):
        nn.GRU(4, 4)(packed)
