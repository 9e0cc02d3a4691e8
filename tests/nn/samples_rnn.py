"""Samples of the recurrent layers (every option, both layouts, no batch) and of the cells."""

from __future__ import annotations

from typing import Any

from tests.nn.modules import ModuleSample as S
from tests.ops.sample import normal

from rushlight import nn

X = normal(4, 2, 3)  # (T, N, K)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_layers": 2},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"num_layers": 3, "bias": False, "bidirectional": True},
    {"hidden_size": 1},
]


def _layer(name: str, x: Any = X, unbatched: Any = None, random: bool = False, **options: Any) -> S:
    options = {"input_size": 3, "hidden_size": 4, **options}
    return S(
        lambda: getattr(nn, name)(**options),
        lambda torch: getattr(torch.nn, name)(**options),
        (x,),
        None if unbatched is None else (unbatched,),
        random=random,
    )


def _base(name: str, *args: Any, **options: Any) -> S:
    return S(
        lambda: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        None,
    )


def _cell(name: str, state: int = 0, **options: Any) -> S:
    """`state` counts the tensors that are given besides the input; an LSTM's come as a tuple, so
    they stand in test_rnn.py."""
    return S(
        lambda: getattr(nn, name)(3, 4, **options),
        lambda torch: getattr(torch.nn, name)(3, 4, **options),
        (X[0], normal(2, 4))[: 1 + state],
        (X[0, 0], normal(4))[: 1 + state],
    )


SAMPLES = [
    *(
        _layer(name, unbatched=X[:, 0], **options)
        for name in ("RNN", "LSTM", "GRU")
        for options in OPTIONS
    ),
    *(_layer(name, X[:, :0]) for name in ("RNN", "LSTM", "GRU")),
    *(_layer(name, X[:1]) for name in ("RNN", "LSTM", "GRU")),
    *(
        _layer(name, random=True, num_layers=2, dropout=0.5, bidirectional=True)
        for name in ("RNN", "LSTM", "GRU")
    ),
    _layer("RNN", unbatched=X[:, 0], nonlinearity="relu", num_layers=2, bidirectional=True),
    *(
        S(
            lambda relu=relu: nn.RNN(3, 4, 2, relu, False, True),  # type: ignore[misc]
            lambda torch, relu=relu: torch.nn.RNN(3, 4, 2, relu, False, True),
            (X,),
        )
        for relu in ("tanh", "relu")
    ),
    _layer("LSTM", unbatched=X[:, 0], proj_size=2),
    _layer("LSTM", proj_size=3, num_layers=2, bidirectional=True, bias=False, batch_first=True),
    _base("RNNBase", "LSTM", 3, 4, 2, proj_size=2, bidirectional=True),
    _base("RNNBase", "GRU", 3, 4, bias=False),
    _base("RNNBase", "RNN_RELU", 3, 4),
    _base("RNNCellBase", 3, 4, True, 2),
    *(_cell(name, state) for name in ("RNNCell", "GRUCell") for state in (0, 1)),
    _cell("RNNCell", 1, nonlinearity="relu"),
    _cell("RNNCell", 1, bias=False),
    _cell("GRUCell", 1, bias=False),
    _cell("LSTMCell"),
    _cell("LSTMCell", bias=False),
]
