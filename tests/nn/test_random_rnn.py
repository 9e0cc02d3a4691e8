"""Recurrent layers over random configurations, held against torch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import rushlight as rl

torch = pytest.importorskip("torch")

from tests.functional.parity import compare  # noqa: E402

LAYERS = st.fixed_dictionaries(
    {
        "input_size": st.integers(1, 4),
        "hidden_size": st.integers(1, 4),
        "num_layers": st.integers(1, 3),
        "bias": st.booleans(),
        "batch_first": st.booleans(),
        "bidirectional": st.booleans(),
    }
)


def _case(
    lib: Any, kind: str, options: dict[str, Any], state: Any, seed: int, steps: int, batch: int,
    form: str, given_states: bool,
) -> list[Any]:  # fmt: skip
    """Run one configuration; return outputs, final states and all gradients."""
    rng = np.random.default_rng(seed)
    layer = getattr(lib.nn, kind)(**options).double()
    layer.load_state_dict({name: lib.tensor(value) for name, value in state.items()})
    k = options["input_size"]
    unbatched = form == "unbatched"
    shape = (batch, steps, k) if options["batch_first"] else (steps, batch, k)
    x = lib.tensor(rng.standard_normal((steps, k) if unbatched else shape), requires_grad=True)
    used = x
    if form == "packed":
        lengths = [steps, *rng.integers(1, steps + 1, batch - 1).tolist()]
        pack = lib.nn.utils.rnn.pack_padded_sequence
        used = pack(x, rng.permutation(lengths).tolist(), options["batch_first"], False)
    elif form == "transposed":
        used = x.transpose(0, 1) if shape[0] == shape[1] else x * 1.0
    count = options["num_layers"] * (2 if options["bidirectional"] else 1)
    sizes = [options.get("proj_size") or options["hidden_size"], options["hidden_size"]]
    hx = [
        lib.tensor(
            rng.standard_normal((count, size) if unbatched else (count, batch, size)),
            requires_grad=True,
        )
        for size in sizes[: 2 if kind == "LSTM" else 1]
    ]
    start = (tuple(hx) if kind == "LSTM" else hx[0]) if given_states else None
    y, last = layer(used, start)
    results = [y.data, y.batch_sizes] if form == "packed" else [y]
    results += last if kind == "LSTM" else [last]
    floats = [r for r in results if r.is_floating_point()]
    cotangents = [lib.tensor(rng.standard_normal(tuple(r.shape))) for r in floats]
    keep = rng.random(len(floats)) < 0.8  # some outputs stay unused
    keep[int(rng.integers(len(floats)))] = True
    pairs = zip(floats, cotangents, keep, strict=True)
    sum((r * g).sum() for r, g, used in pairs if used).backward()
    leaves = [x, *(hx if given_states else []), *layer.parameters()]
    grads = [np.zeros(tuple(p.shape)) if p.grad is None else p.grad.numpy() for p in leaves]
    return [*results, *[lib.tensor(g) for g in grads]]


@given(
    st.sampled_from(["RNN", "LSTM", "GRU"]),
    LAYERS,
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 1000),
    st.integers(1, 5),
    st.integers(0, 4),
    st.sampled_from(["padded", "packed", "unbatched", "transposed"]),
    st.booleans(),
)
@example(
    "LSTM",
    {
        "input_size": 2, "hidden_size": 3, "num_layers": 2, "bias": True, "batch_first": True,
        "bidirectional": True,
    },
    2, False, 1, 4, 3, "packed", True,
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_layers_equal_torch(
    kind: str, options: dict[str, Any], proj: int, relu: bool, seed: int, steps: int, batch: int,
    form: str, given_states: bool,
) -> None:  # fmt: skip
    assume(form != "packed" or batch > 0)
    options = dict(options)
    if kind == "LSTM":
        options["proj_size"] = proj if proj < options["hidden_size"] else 0
    elif kind == "RNN" and relu:
        options["nonlinearity"] = "relu"
    state = {k: v.numpy() for k, v in getattr(rl.nn, kind)(**options).double().state_dict().items()}
    args = (kind, options, state, seed, steps, batch, form, given_states)
    compare(_case(rl, *args), _case(torch, *args), 1e-9, 1e-11)


@given(
    st.sampled_from(["RNNCell", "LSTMCell", "GRUCell"]),
    st.integers(1, 5),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 0, 1, 3]),
    st.booleans(),
    st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_cells_equal_torch(
    kind: str, k: int, h: int, bias: bool, relu: bool, batch: int | None, states: bool, seed: int
) -> None:
    options = {"nonlinearity": "relu"} if kind == "RNNCell" and relu else {}
    state = {
        n: v.numpy() for n, v in getattr(rl.nn, kind)(k, h, bias, **options).state_dict().items()
    }
    found = []
    for lib in (rl, torch):
        rng = np.random.default_rng(seed)
        cell = getattr(lib.nn, kind)(k, h, bias, **options)
        cell.load_state_dict({name: lib.tensor(value) for name, value in state.items()})
        cell.double()
        lead = () if batch is None else (batch,)
        x, a, b = (
            lib.tensor(rng.standard_normal((*lead, n)), requires_grad=True) for n in (k, h, h)
        )
        hx = None if not states else (a, b) if kind == "LSTMCell" else a
        for _ in range(2):
            hx = cell(x, hx)
        outputs = list(hx) if kind == "LSTMCell" else [hx]
        sum((y * lib.tensor(rng.standard_normal(tuple(y.shape)))).sum() for y in outputs).backward()
        grads = [p.grad for p in (x, a, b, *cell.parameters()) if p.grad is not None]
        found.append([*outputs, *grads])
    compare(*found, 1e-9, 1e-11)
