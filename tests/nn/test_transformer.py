"""Attention layers: what the samples of modules cannot say."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")

X = normal(2, 3, 4)  # (N, L, E)
BEHIND = np.array([[False, False, True], [False, True, True]])


def _twins(make: Any) -> tuple[Any, Any]:
    """The same module in both libraries, in evaluation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = make(torch.nn).double().eval()
    ours = make(nn).double().eval()
    ours.load_state_dict({k: rl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def _encoder(lib: Any, **options: Any) -> Any:
    more = {k: options.pop(k) for k in ("enable_nested_tensor", "mask_check") if k in options}
    given = {"batch_first": True, "dropout": 0.0} | options
    return lib.TransformerEncoder(lib.TransformerEncoderLayer(4, 2, 6, **given), 2, **more)


ENCODERS: list[tuple[dict[str, Any], Any]] = [
    ({}, BEHIND),
    ({"activation": "gelu"}, BEHIND),
    ({}, BEHIND[:, ::-1].copy()),  # padding in front: torch leaves it where it is
    ({}, np.array([[False] * 3, [True] * 3])),
    ({}, np.array([[False] * 3, [False] * 3])),
    ({}, np.where(BEHIND, 0.7, 0.0)),  # floats other than 0 hide here
    ({"enable_nested_tensor": False}, BEHIND),
    ({"norm_first": True}, BEHIND),
    ({"bias": False}, BEHIND),
    ({"batch_first": False}, BEHIND),
    ({"activation": "LeakyReLU"}, BEHIND),
]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(("options", "mask"), ENCODERS)
@pytest.mark.parametrize("recording", [False, True])
def test_padded_positions_of_an_encoder_are_those_of_torch(
    options: dict[str, Any], mask: Any, recording: bool
) -> None:
    """In evaluation without a graph torch fills them with 0, where it uses nested tensors."""

    def make(lib: Any) -> Any:
        named = options.get("activation") == "LeakyReLU"
        return _encoder(lib, **(options | ({"activation": lib.LeakyReLU()} if named else {})))

    ours, theirs = _twins(make)
    assert ours.use_nested_tensor == theirs.use_nested_tensor
    x = X if options.get("batch_first", True) else np.swapaxes(X, 0, 1)
    with rl.set_grad_enabled(recording), torch.set_grad_enabled(recording):
        y = ours(rl.tensor(x), src_key_padding_mask=rl.tensor(mask)).detach().numpy()
        right = theirs(torch.tensor(x), src_key_padding_mask=torch.tensor(mask)).detach().numpy()
    np.testing.assert_allclose(y, right, 1e-9, 1e-12)


def test_padded_positions_are_0_before_the_norm_and_are_so_only_behind() -> None:
    encoder = _encoder(nn).eval()
    with rl.no_grad():
        for mask, zeros in ((BEHIND, BEHIND), (BEHIND[:, ::-1].copy(), BEHIND & False)):
            y = encoder(rl.tensor(X).float(), src_key_padding_mask=rl.tensor(mask))
            assert ((y == 0).all(-1).numpy() == zeros).all()
        encoder.mask_check = False
        y = encoder(rl.tensor(X).float(), src_key_padding_mask=rl.tensor(BEHIND[:, ::-1].copy()))
        assert ((y == 0).all(-1).numpy() == BEHIND[:, ::-1]).all()


def test_a_causal_mask_is_found_and_a_false_hint_is_followed() -> None:
    ours, theirs = _twins(_encoder)
    causal = torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64).numpy()
    other = np.where(np.eye(3, dtype=bool), 0.0, -1.0)
    for mask, hint in (
        *((causal, None), (causal, True), (causal, False), (other, None), (other, True)),
        *((causal != 0, None), (other != 0, None), (other != 0, True)),
    ):
        y = ours(rl.tensor(X), rl.tensor(mask), is_causal=hint)
        right = theirs(torch.tensor(X), torch.tensor(mask), is_causal=hint)
        np.testing.assert_allclose(y.detach().numpy(), right.detach().numpy(), 1e-9)


def test_the_causal_mask() -> None:
    for dtype in (None, "float64"):
        ours = nn.Transformer.generate_square_subsequent_mask(4, dtype=dtype)
        wide = None if dtype is None else torch.float64
        right = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=wide)
        assert (ours.numpy() == right.numpy()).all()
        assert str(ours.dtype) == str(right.dtype).removeprefix("torch.")


def test_layers_are_copies_that_begin_alike() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 6)
    encoder = nn.TransformerEncoder(layer, 3)
    weights = [m.linear1.weight for m in encoder.layers]
    assert all((w == layer.linear1.weight).all() for w in weights)
    assert len({id(w) for w in [*weights, layer.linear1.weight]}) == 4
    with rl.no_grad():
        weights[0].zero_()
    assert weights[1].any() and layer.linear1.weight.any()


def test_who_sees_nothing_gets_0_or_nan_as_in_torch() -> None:
    ours, theirs = _twins(lambda lib: lib.MultiheadAttention(4, 2, batch_first=True))
    hidden = np.array([[True] * 3, [False, False, True]])
    for need in (False, True):
        found = []
        for lib, layer in ((rl, ours), (torch, theirs)):
            x = lib.tensor(X, requires_grad=True)
            y, _ = layer(x, x, x, key_padding_mask=lib.tensor(hidden), need_weights=need)
            y[1].sum().backward()
            found.append((y.detach().numpy(), x.grad.numpy()[1]))
        assert np.isnan(found[0][0][0]).all() == need
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, 1e-9)


def test_dropout_of_the_weights_returned_is_that_of_the_output() -> None:
    layer = nn.MultiheadAttention(4, 1, dropout=0.5, batch_first=True).double()
    with rl.no_grad():
        for p in (layer.in_proj_weight[8:], layer.out_proj.weight):
            p.copy_(rl.eye(4))  # v = x, and the output is that of the head
    x = rl.tensor(normal(2, 50, 4))
    rl.manual_seed(0)
    y, weights = layer(x, x, x)
    np.testing.assert_allclose(y.detach().numpy(), (weights @ x).detach().numpy(), 1e-9)
    assert abs((weights == 0).double().mean().item() - 0.5) < 0.05
    rl.manual_seed(0)
    again, none = layer(x, x, x, need_weights=False)
    assert none is None and (again == y).all()
    layer.eval()
    assert (layer(x, x, x)[1] > 0).all()


def test_half_precision() -> None:
    ours, theirs = _twins(lambda lib: lib.TransformerEncoderLayer(8, 2, 16, dropout=0.0))
    x = normal(3, 2, 8)
    y, right = ours.half()(rl.tensor(x).half()), theirs(torch.tensor(x))
    assert y.dtype == rl.float16
    np.testing.assert_allclose(y.detach().float().numpy(), right.detach().numpy(), 2e-2, 2e-2)


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: nn.MultiheadAttention(4, 3), ValueError, "embed_dim=4, num_heads=3"),
    (lambda: nn.MultiheadAttention(0, 1), ValueError, "above 0"),
    (lambda: nn.MultiheadAttention(4, 0), ValueError, "above 0"),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"), RuntimeError, "'relu' or 'gelu'"),
    (lambda: nn.Transformer(8, 2)(rl.ones(3, 2, 8), rl.ones(3, 1, 8)), RuntimeError, "batch_first"),
    (lambda: nn.Transformer(8, 2)(rl.ones(3, 2, 8), rl.ones(3, 2, 4)), RuntimeError, "E = 8"),
    (lambda: nn.Transformer(8, 2)(rl.ones(3, 8), rl.ones(3, 2, 8)), RuntimeError, "src"),
    (
        lambda: nn.MultiheadAttention(4, 2, kdim=3)(*[rl.ones(3, 1, 4)] * 3),
        RuntimeError,
        "linear: got input",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), REFUSED)
def test_errors(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_an_error_names_the_module() -> None:
    model = nn.Transformer(8, 2, 1, 1, 16)
    with pytest.raises(RuntimeError) as caught:
        model(rl.ones(3, 2, 8), rl.ones(3, 2, 8), tgt_mask=rl.zeros(2, 2))
    assert "attn_mask (2, 2), expected (3, 3)" in str(caught.value)
    assert "decoder.layers[0].self_attn" in caught.value.__notes__[0]
