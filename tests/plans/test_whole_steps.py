"""Steps as people write them, recorded whole: the same bits as without a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import bits

import rushlight as rl
from rushlight import nn, optim

F = nn.functional


class Tokens(nn.Module):
    """Embedded tokens through a layer of (N, L, 8), a score for each class at each place."""

    def __init__(self, layer: Any = None, run: Any = None, **options: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8, **options)
        self.layer, self.run = layer, run
        self.head = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        y = self.embedding(x)
        if self.run is not None:
            y = self.run(self.layer, y, x)
        return self.head(y)


def encoder(**options: Any) -> Any:
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True, **options)


def causal(layer: Any, y: Any, _: Any) -> Any:
    mask = nn.Transformer.generate_square_subsequent_mask(y.shape[1])
    return layer(y, src_mask=mask, is_causal=True)


def causal_encoder(layer: Any, y: Any, _: Any) -> Any:
    mask = nn.Transformer.generate_square_subsequent_mask(y.shape[1])
    return layer(y, mask=mask, is_causal=True)


def hidden(layer: Any, y: Any, _: Any) -> Any:
    return layer(y, src_mask=rl.ones(y.shape[1], y.shape[1]).triu(1).bool())


def own(layer: Any, y: Any, _: Any) -> Any:
    return layer(y, y, y, need_weights=False)[0]


def weighed(layer: Any, y: Any, _: Any) -> Any:
    y, weights = layer(y, y, y)
    return y + weights.mean()


def recurrent(layer: Any, y: Any, _: Any) -> Any:
    return layer(y)[0]


def product(layer: Any, y: Any, _: Any) -> Any:
    z = layer(y)
    return y + F.scaled_dot_product_attention(z, y, z, is_causal=True)


MODELS: dict[str, Callable[[], Any]] = {
    "embedding": Tokens,
    "embedding-padded": lambda: Tokens(padding_idx=0),
    "encoder": lambda: Tokens(encoder(), lambda layer, y, _: layer(y)),
    "encoder-first": lambda: Tokens(
        encoder(norm_first=True, activation="gelu"), lambda layer, y, _: layer(y)
    ),
    "encoder-causal": lambda: Tokens(encoder(), causal),
    "encoder-mask": lambda: Tokens(encoder(), hidden),
    "encoder-padding": lambda: Tokens(
        encoder(), lambda layer, y, x: layer(y, src_key_padding_mask=x == 0)
    ),
    "encoders": lambda: Tokens(nn.TransformerEncoder(encoder(), 2), lambda layer, y, x: layer(y)),
    "encoders-causal": lambda: Tokens(nn.TransformerEncoder(encoder(), 2), causal_encoder),
    "encoders-padding": lambda: Tokens(
        nn.TransformerEncoder(encoder(), 2),
        lambda layer, y, x: layer(y, src_key_padding_mask=x == 0),
    ),
    "attention": lambda: Tokens(nn.MultiheadAttention(8, 2, 0.1, batch_first=True), own),
    "attention-weights": lambda: Tokens(nn.MultiheadAttention(8, 2, batch_first=True), weighed),
    "attention-function": lambda: Tokens(nn.Linear(8, 8), product),
    "lstm": lambda: Tokens(nn.LSTM(8, 8, 2, dropout=0.1, batch_first=True), recurrent),
    "lstm-both-ways": lambda: Tokens(nn.LSTM(8, 4, bidirectional=True), recurrent),
    "gru": lambda: Tokens(nn.GRU(8, 8, batch_first=True), recurrent),
    "slopes": lambda: Tokens(nn.PReLU(), lambda layer, y, _: layer(y)),
    "rnn": lambda: Tokens(nn.RNN(8, 8, batch_first=True), recurrent),
}
LOSSES: dict[str, Callable[[], Any]] = {
    "plain": nn.CrossEntropyLoss,
    "weighted": lambda: nn.CrossEntropyLoss(rl.arange(5) * 0.5 + 0.5),
    "ignoring": lambda: nn.CrossEntropyLoss(ignore_index=0),
    "smoothed": lambda: nn.CrossEntropyLoss(label_smoothing=0.1),
    "all": lambda: nn.CrossEntropyLoss(
        rl.arange(5) * 0.5 + 0.5, ignore_index=0, label_smoothing=0.1
    ),
    "sum": lambda: nn.CrossEntropyLoss(ignore_index=0, reduction="sum"),
}
CLIPS: dict[str, Callable[[Any], Any]] = {
    "none": lambda parameters: None,
    "norm": lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.5),
    "norm-inf": lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.05, float("inf")),
    "value": lambda parameters: nn.utils.clip_grad_value_(parameters, 0.01),
}


def trained(compile: bool, model_of: Any, loss_of: Any, clip: Any, scheduled: bool) -> list[Any]:
    """Return the bits of what some steps leave behind."""
    rl.manual_seed(1)
    model, criterion = model_of(), loss_of()
    optimizer = optim.AdamW(model.parameters(), 0.02)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        norm = clip(model.parameters())
        optimizer.step()
        return loss, norm

    run = rl.compile(step, fullgraph=True) if compile else step
    rng, found = np.random.default_rng(0), []
    for _ in range(6):
        x, y = (rl.from_numpy(rng.integers(0, n, (4, 7))) for n in (11, 5))
        loss, norm = run(x, y)
        found += [bits(loss), bits(norm)]
        if scheduled:
            scheduler.step()
    if compile:
        assert run.recordings, "nothing was recorded"
    return [*found, *map(bits, model.parameters()), *(bits(p.grad) for p in model.parameters())]


def check(model: str, loss: str = "plain", clip: str = "none", scheduled: bool = False) -> None:
    case = MODELS[model], LOSSES[loss], CLIPS[clip], scheduled
    assert trained(True, *case) == trained(False, *case)


@pytest.mark.parametrize("model", MODELS)
def test_any_model(model: str) -> None:
    check(model)


@pytest.mark.parametrize("loss", LOSSES)
def test_any_loss(loss: str) -> None:
    check("embedding", loss)


@pytest.mark.parametrize("clip", CLIPS)
def test_gradients_are_clipped(clip: str) -> None:
    check("encoder", clip=clip)


def test_rates_change_from_outside() -> None:
    check("gru", "ignoring", "norm", scheduled=True)


def test_a_norm_that_may_not_be_infinite_decides() -> None:
    net = nn.Linear(3, 1)

    def step(x: Any) -> Any:
        net.zero_grad()
        net(x).sum().backward()
        return nn.utils.clip_grad_norm_(net.parameters(), 0.5, error_if_nonfinite=True)

    run = rl.compile(step, fullgraph=True)
    with pytest.raises(RuntimeError, match="depends on values"):
        for _ in range(3):
            run(rl.ones(2, 3))


def test_indices_that_are_not_there_are_refused() -> None:
    table = nn.Embedding(5, 2)
    run = rl.compile(lambda x: table(x).sum(), fullgraph=True)
    with rl.no_grad():
        for i in range(4):
            assert run(rl.tensor([i, 0])).item() == table(rl.tensor([i, 0])).sum().item()
        assert run.recordings == 1
        with pytest.raises(IndexError, match="got row 5"):
            run(rl.tensor([5, 0]))


@pytest.mark.parametrize("shared_out_at", [0, 4])
def test_an_optimizer_whose_state_is_shared_out(shared_out_at: int) -> None:
    class Shards:
        steps = 0

        def step(self) -> None:
            self.steps += 1

    net, shards = nn.Linear(3, 2), Shards()
    optimizer: Any = optim.Adam(net.parameters(), lr=0.1)

    def step(x: Any) -> None:
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()

    run, before = rl.compile(step, fullgraph=True), None
    for i in range(9):
        if i == shared_out_at:
            optimizer._shards, before = shards, bits(net.weight)
        run(rl.ones(4, 3))
    assert shards.steps == 9 - shared_out_at
    assert bits(net.weight) == before
