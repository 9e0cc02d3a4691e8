"""Models as torch's exporter writes them: outputs and gradients beside torch's own."""

import io
import warnings
from typing import Any

import numpy as np
import pytest

import rushlight as rl

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Call(nn.Module):  # type: ignore[misc, name-defined]
    """A function of an input and of modules, as a module."""

    def __init__(self, function: Any, *modules: Any) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs, *self.parts)


def conv_norm(i: int, o: int, size: int, stride: int = 1, groups: int = 1) -> Any:
    conv = nn.Conv2d(i, o, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o))


def residual() -> Any:
    stem = nn.Sequential(conv_norm(3, 8, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    body = nn.Sequential(conv_norm(8, 16, 3, 2), nn.ReLU(), conv_norm(16, 16, 3))
    head = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))

    def forward(x: Any, stem: Any, body: Any, short: Any, head: Any) -> Any:
        y = stem(x)
        return head(body(y) + short(y))

    return Call(forward, stem, body, conv_norm(8, 16, 1, 2), head)


def mobile() -> Any:
    body = nn.Sequential(
        conv_norm(3, 8, 1), nn.ReLU6(), conv_norm(8, 8, 3, 2, 8), nn.Hardswish(), conv_norm(8, 4, 1)
    )
    gate = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1), nn.Hardsigmoid()
    )
    return Call(lambda x, body, gate: body(x) * gate(body(x)), body, gate)


def unet(up: Any) -> Any:
    def forward(x: Any, a: Any, b: Any, up: Any, c: Any) -> Any:
        high = F.silu(a(x))
        low = F.gelu(b(F.max_pool2d(high, 2)))
        return c(torch.cat([high, up(low)], 1))

    low = nn.Sequential(nn.Conv2d(6, 12, 3, padding=1), nn.GroupNorm(3, 12))
    high = nn.Conv2d(3, 6, 3, padding=1)
    return Call(forward, high, low, up, nn.Conv2d(18, 3, 3, padding=1))


def generator() -> Any:
    return nn.Sequential(
        nn.ConvTranspose2d(7, 8, 4, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1),
        nn.InstanceNorm2d(6, affine=True),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(6, 4, 4, 2, 1, groups=2),
        nn.Tanh(),
    )


def recurrent(kind: str, **more: Any) -> Any:
    return Call(lambda x, layer: layer(x)[0], getattr(nn, kind)(5, 6, **more))


def transformer() -> Any:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def embedded() -> Any:
    layers = nn.Embedding(11, 5), nn.LSTM(5, 6, 2, batch_first=True), nn.Linear(6, 11)

    def forward(ids: Any, h: Any, c: Any, embed: Any, lstm: Any, head: Any) -> Any:
        y, (h, c) = lstm(embed(ids), (h, c))
        return head(y), h, c

    return Call(forward, *layers)


IMAGE, LINES = (2, 3, 16, 20), (7, 2, 5)
MODELS: dict[str, tuple[Any, tuple[Any, ...], int]] = {  # builder, inputs, oldest operator set
    "residual": (residual, (IMAGE,), 7),
    "mobile": (mobile, (IMAGE,), 7),
    "unet, bilinear": (lambda: unet(nn.Upsample(scale_factor=2, mode="bilinear")), (IMAGE,), 11),
    "unet, nearest": (lambda: unet(nn.Upsample(scale_factor=2)), (IMAGE,), 9),
    "unet, transposed": (lambda: unet(nn.ConvTranspose2d(12, 12, 2, 2)), (IMAGE,), 9),
    "unet, shuffled": (
        lambda: unet(nn.Sequential(nn.Conv2d(12, 48, 1), nn.PixelShuffle(2))),
        (IMAGE,),
        9,
    ),
    "generator": (generator, ((2, 7, 2, 2),), 9),
    "lstm": (lambda: recurrent("LSTM", num_layers=2, bidirectional=True), (LINES,), 9),
    "gru": (lambda: recurrent("GRU", bidirectional=True), (LINES,), 9),
    "rnn": (lambda: recurrent("RNN", nonlinearity="relu"), (LINES,), 9),
    "embedded": (embedded, (np.arange(14).reshape(2, 7) % 11, (2, 2, 6), (2, 2, 6)), 9),
    "transformer": (transformer, ((2, 5, 8),), 14),
}


def exported(model: Any, inputs: Any, version: int) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is old
        torch.onnx.export(
            model,
            inputs,
            file,
            opset_version=version,
            dynamo=False,
            input_names=[f"input{i}" for i in range(len(inputs))],
        )
    return file.getvalue()


def made(name: str) -> tuple[Any, list[np.ndarray]]:
    """Return a model in evaluation mode, no two of its parameters alike, and its inputs."""
    build, shapes, _ = MODELS[name]
    torch.manual_seed(0)
    model = build().eval()
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data.add_(torch.rand_like(tensor) * 0.1)
    draw = np.random.default_rng(1)
    inputs = [
        s if isinstance(s, np.ndarray) else draw.standard_normal(s).astype(np.float32)
        for s in shapes
    ]
    return model, inputs


CASES = [
    (name, version)
    for name, (_, _, oldest) in MODELS.items()
    for version in (7, 9, 11, 14, 17, 20)
    if version >= oldest and (version == oldest or version in (11, 20))
]


@pytest.mark.parametrize("name, version", CASES)
def test_outputs_and_gradients_are_torchs(name: str, version: int) -> None:
    model, inputs = made(name)
    theirs = [torch.tensor(x) for x in inputs]
    loaded = rl.onnx.load(exported(model, tuple(theirs), version))
    ours = [rl.tensor(x) for x in inputs]
    for x in (*theirs, *ours):
        x.requires_grad_(x.is_floating_point())
    wanted, found = model(*theirs), loaded(*ours)
    pairs = list(zip(found, wanted, strict=True)) if isinstance(found, tuple) else [(found, wanted)]
    for got, want in pairs:
        np.testing.assert_allclose(got.detach(), want.detach(), rtol=1e-4, atol=2e-5)
    weights = [np.random.default_rng(2).standard_normal(w.shape, "f") for _, w in pairs]
    sum((w * torch.tensor(g)).sum() for (_, w), g in zip(pairs, weights, strict=True)).backward()
    total = rl.zeros(())
    for (got, _), g in zip(pairs, weights, strict=True):
        total = total + (got * rl.tensor(g)).sum()
    total.backward()
    for x, y in zip(ours, theirs, strict=True):
        if x.requires_grad:
            assert x.grad is not None
            np.testing.assert_allclose(x.grad, y.grad, rtol=1e-3, atol=1e-4)
    compare_by_name(loaded, model)


def compare_by_name(loaded: Any, model: Any) -> None:
    """Compare the gradients of those parameters that the file calls as the model does."""
    parameters = dict(model.named_parameters())
    for name, p in loaded.named_parameters():
        if name in parameters and p.shape == tuple(parameters[name].shape):
            assert p.grad is not None
            np.testing.assert_allclose(p.grad, parameters[name].grad, rtol=1e-3, atol=2e-4)


def test_a_loaded_model_is_tuned_as_the_original_is() -> None:
    """Five steps of Adam in training mode: batch norm by the batch, the same losses."""
    model, inputs = made("mobile")
    x = torch.tensor(inputs[0])
    file = exported_for_training(model, x)
    loaded = rl.onnx.load(file)
    target = np.random.default_rng(3).standard_normal((2, 4, 8, 10), "f")
    theirs = torch.optim.Adam(model.parameters(), lr=0.01)
    ours = rl.optim.Adam(loaded.parameters(), lr=0.01)
    model.train(), loaded.train()
    for _ in range(5):
        theirs.zero_grad()
        wanted = F.mse_loss(model(x), torch.tensor(target))
        wanted.backward()
        theirs.step()
        ours.zero_grad()
        found = rl.nn.functional.mse_loss(loaded(rl.tensor(inputs[0])), rl.tensor(target))
        found.backward()
        ours.step()
        np.testing.assert_allclose(found.item(), wanted.item(), rtol=1e-4)


def exported_for_training(model: Any, x: Any) -> bytes:
    """Batch norm as nodes of their own, not folded into convolutions; in evaluation mode."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (x,),
            file,
            dynamo=False,
            opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    return file.getvalue()
