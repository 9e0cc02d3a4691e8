"""The zoo without torch: what it makes, loads and refuses, and the text it goes on with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import models, nn
from rushlight.models.gpt import Cache

SMALL = {"vocab_size": 13, "n_positions": 10, "n_embd": 12, "n_layer": 2, "n_head": 3}


def _gpt2(**options: Any) -> models.GPT2:
    rl.manual_seed(0)
    return models.GPT2(**SMALL, **options).eval()


def _text(n: int, t: int) -> Any:
    return rl.from_numpy(np.random.default_rng(0).integers(0, 13, (n, t)))


@pytest.mark.parametrize(
    "name", [n for n in models.__all__ if n.islower() and callable(getattr(models, n))]
)
def test_weights_are_refused_with_a_way_to_load_them(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: got weights='DEFAULT'.*load_state_dict\(rush"):
        getattr(models, name)(weights="DEFAULT")


def test_checkpoints_load_from_files(tmp_path: Any) -> None:
    first, second = models.resnet18(num_classes=3, width=2), models.resnet18(num_classes=3, width=2)
    rl.save(first.state_dict(), tmp_path / "resnet18.safetensors")
    second.load_state_dict(rl.load(tmp_path / "resnet18.safetensors"))
    x = rl.randn(1, 3, 40, 40)
    assert rl.equal(first.eval()(x), second.eval()(x))


# ---- how they begin


def _std(tensor: Any) -> float:
    return float(tensor.detach().numpy().std())


@pytest.mark.parametrize(
    "model",
    [
        models.resnet18(width=16, num_classes=5),
        models.vgg11(width=8, num_classes=50),
        models.mobilenet_v2(num_classes=50),
    ],
    ids=lambda m: type(m).__name__,
)
def test_convolutions_are_drawn_by_their_fan_out(model: Any) -> None:
    checked = 0
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 4000:
            out, _, *window = module.weight.shape
            assert _std(module.weight) == pytest.approx(
                math.sqrt(2 / (out * math.prod(window))), rel=0.05
            )
            checked += 1
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
        if isinstance(module, nn.Linear) and not isinstance(model, models.ResNet):
            assert (module.bias == 0).all()
            if module.weight.numel() > 4000:
                assert _std(module.weight) == pytest.approx(0.01, rel=0.05)
    assert checked > 5


def test_blocks_may_begin_as_the_identity() -> None:
    for make, norm in ((models.resnet18, "bn2"), (models.resnet50, "bn3")):
        block = make(width=2, zero_init_residual=True).layer2[1]
        assert (getattr(block, norm).weight == 0).all()
        assert (block.bn1.weight == 1).all()
        x = rl.rand(2, block.conv1.in_channels, 4, 4)
        assert rl.equal(block(x), x)


def test_gpt2_begins_as_published() -> None:
    model = models.GPT2(vocab_size=500, n_positions=64, n_embd=64, n_layer=8, n_head=4)
    state = model.state_dict()
    assert _std(state["transformer.wte.weight"]) == pytest.approx(0.02, rel=0.05)
    assert _std(state["transformer.h.3.mlp.c_fc.weight"]) == pytest.approx(0.02, rel=0.05)
    assert _std(state["transformer.h.3.mlp.c_proj.weight"]) == pytest.approx(0.005, rel=0.05)
    assert (state["transformer.h.0.attn.c_attn.bias"] == 0).all()
    assert (state["transformer.ln_f.weight"] == 1).all()


# ---- options


def test_resnet_options() -> None:
    model = models.resnet50(width=4, replace_stride_with_dilation=[False, True, True])
    assert model.layer4[1].conv2.dilation == (4, 4)
    assert model.layer4[0].conv2.stride == (1, 1)
    wide = models.resnet50(width_per_group=128, width=8)
    assert wide.layer1[0].conv2.out_channels == 16
    grouped = models.resnet50(groups=4, width_per_group=16, width=8)
    assert grouped.layer2[0].conv2.groups == 4
    normed = models.resnet18(width=4, norm_layer=lambda n: nn.GroupNorm(2, n))
    assert normed(rl.zeros(1, 3, 32, 32)).shape == (1, 1000)
    with pytest.raises(ValueError, match="three bools"):
        models.resnet18(replace_stride_with_dilation=[True])
    with pytest.raises(ValueError, match=r"BasicBlock: got groups=2.*Bottleneck"):
        models.resnet18(groups=2)


def test_mobilenet_options() -> None:
    model = models.MobileNetV2(5, 0.5, [[1, 8, 1, 1], [2, 16, 2, 2]], 4)
    assert [type(f).__name__ for f in model.features[1:-1]] == ["InvertedResidual"] * 3
    assert model.features[0][0].out_channels == 16
    with pytest.raises(ValueError, match="rows of expansion"):
        models.MobileNetV2(inverted_residual_setting=[[1, 2, 3]])
    with pytest.raises(ValueError, match="stride=3"):
        models.mobilenet.InvertedResidual(4, 4, 3, 1)


# ---- GPT-2: the forms of its checkpoints


@pytest.mark.parametrize("form", ["whole", "bare", "masks", "headless"])
def test_gpt2_loads_every_form(form: str) -> None:
    model = _gpt2()
    state = dict(model.state_dict())
    if form in ("bare", "masks"):
        state = {k.removeprefix("transformer."): v for k, v in state.items()}
    if form != "whole":
        del state["lm_head.weight"]
    if form == "masks":
        for i in range(2):
            state[f"h.{i}.attn.bias"] = rl.ones(1, 1, 10, 10)
            state[f"h.{i}.attn.masked_bias"] = rl.tensor(-1e4)
    other = models.GPT2(**SMALL).eval()
    before = dict(state)
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert state == before  # the caller's dict is as it was
    assert rl.equal(other(_text(2, 5)), model(_text(2, 5)))
    inside = nn.Sequential(models.GPT2(**SMALL).eval())
    inside.load_state_dict({f"0.{k}": v for k, v in state.items()})
    assert rl.equal(inside(_text(2, 5)), model(_text(2, 5)))


def test_gpt2_names_what_is_wrong_with_a_checkpoint() -> None:
    state = {k.removeprefix("transformer."): v for k, v in _gpt2().state_dict().items()}
    del state["h.1.ln_1.bias"]
    state["h.0.attn.more"] = rl.ones(1)
    with pytest.raises(RuntimeError, match=r"transformer\.h\.1\.ln_1\.bias") as error:
        models.GPT2(**SMALL).load_state_dict(state)
    assert "transformer.h.0.attn.more" in str(error.value)


def test_gpt2_stays_tied() -> None:
    model, state = models.GPT2(**SMALL), _gpt2().state_dict()
    model.load_state_dict(state, assign=True)
    assert model.lm_head.weight is model.transformer["wte"].weight
    assert len(list(model.parameters())) == len(state) - 1


# ---- text


def test_the_cache_changes_nothing() -> None:
    model, text = _gpt2(), _text(2, 9)
    whole = model(text).detach().numpy()
    for cuts in ([1] * 9, [3, 3, 3], [4, 1, 4], [8, 1]):
        cache, found, at = Cache(), [], 0
        for n in cuts:
            found.append(model(text[:, at : at + n], cache).detach().numpy())
            at += n
        assert len(cache) == 9
        np.testing.assert_allclose(np.concatenate(found, 1), whole, rtol=0, atol=2e-6)


def _greedy(scores: Any, text: Any, steps: int) -> list[list[int]]:
    for _ in range(steps):
        text = rl.cat([text, scores(text)[:, -1].argmax(-1).unsqueeze(1)], 1)
    return text.tolist()


@pytest.mark.parametrize("kind", ["GPT-2", "rnn", "gru", "lstm"])
def test_generate(kind: str) -> None:
    rl.manual_seed(3)
    model: Any = _gpt2() if kind == "GPT-2" else models.CharRNN(13, 8, model=kind, n_layers=2)
    model.train()
    for parameter in model.parameters():  # far from ties
        parameter.data.normal_(0.0, 0.5)

    def scores(text: Any) -> Any:
        model.eval()
        out = model(text)
        return out[0] if isinstance(out, tuple) else out

    begin = _text(2, 3)
    found = model.generate(begin, 6, temperature=0)
    assert model.training
    assert all(part.training for part in model.modules())
    assert not found.requires_grad
    assert found.tolist() == _greedy(scores, begin, 6)
    assert model.generate(begin, 6, top_k=1).tolist() == found.tolist()
    assert model.generate(begin, 0).tolist() == begin.tolist()
    one = model.generate(begin, 6, generator=rl.Generator().manual_seed(5))
    assert (
        one.tolist() == model.generate(begin, 6, generator=rl.Generator().manual_seed(5)).tolist()
    )
    many = [model.generate(begin, 6).tolist() for _ in range(3)]
    assert any(text != found.tolist() for text in many)
    likely = scores(begin[:1])[0, -1].topk(3)[1].tolist()
    few = {model.generate(begin[:1], 1, top_k=3)[0, -1].item() for _ in range(40)}
    assert few <= set(likely)
    assert len(few) > 1
    cold = [model.generate(begin, 6, temperature=1e-4).tolist() for _ in range(2)]
    assert cold == [found.tolist()] * 2
    for options, text in (
        ({"temperature": -1.0}, "temperature=-1"),
        ({"top_k": 0}, "top_k=0"),
    ):
        with pytest.raises(ValueError, match=text):
            model.generate(begin, 1, **options)
    with pytest.raises(ValueError, match="max_new_tokens=-1"):
        model.generate(begin, -1)
    with pytest.raises(ValueError, match="with T > 0"):
        model.generate(begin[:, :0], 1)


def test_texts_that_are_too_long() -> None:
    model = _gpt2()
    with pytest.raises(ValueError, match="3 symbols and 8 to add"):
        model.generate(_text(1, 3), 8)
    with pytest.raises(RuntimeError, match=r"a text of 11 symbols.*n_positions=10"):
        model(_text(1, 11))
    with pytest.raises(ValueError, match="divides n_embd"):
        models.GPT2(n_embd=10, n_head=3)
    with pytest.raises(ValueError, match="model='transformer'"):
        models.CharRNN(3, 4, model="transformer")


def test_models_of_text_learn() -> None:
    rl.manual_seed(0)
    text = rl.tensor([[0, 1, 2, 3, 4, 5] * 2])
    for model in (models.CharRNN(6, 16), models.GPT2(6, 12, 16, 1, 2)):
        optimizer = rl.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(60):
            out = model(text[:, :-1])
            scores = out[0] if isinstance(out, tuple) else out
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert model.generate(text[:, :2], 6, temperature=0)[0, 2:].tolist() == [2, 3, 4, 5, 0, 1]
