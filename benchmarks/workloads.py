"""The nets that Rushlight is measured on, written once for both libraries.

`build(name, torch)` takes the library itself, torch or rushlight, so that both run the same lines.
Besides the five nets there are recurrent ones, to be asked for by name, and families of small ones
for the sweep: `width=256`, `batch=64`, `image=32`, `channels=16`. `cost(name, rushlight)` counts
their work by formula.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

__all__ = ["NAMES", "RECURRENT", "Workload", "build", "cost", "net"]


class Workload(NamedTuple):
    """A model with its data: `step()` trains once, `infer(x)` runs the model without recording.

    The caller puts the model into training or evaluation mode.
    """

    step: Callable[[], float]
    infer: Callable[[Any], Any]
    batch: Any
    one: Any
    model: Any


def _small_mlp(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Linear(8, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2)),
        nn.Linear(64, 2),
    )


def _large_mlp(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)),
    )


def _cnn(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def _autoencoder(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 32)),
        *(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid()),
    )


def _vgg(nn: Any) -> Any:
    def block(i: int, o: int) -> tuple[Any, ...]:
        return nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()

    return nn.Sequential(
        *(*block(3, 32), *block(32, 32), nn.MaxPool2d(2)),
        *(*block(32, 64), *block(64, 64), nn.MaxPool2d(2)),
        *(*block(64, 128), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128 * 16, 10)),
    )


def _transformer(nn: Any) -> Any:
    def block() -> Any:
        return nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True)

    return nn.Sequential(block(), block(), nn.Flatten(), nn.Linear(32 * 64, 10))


def _recurrent(kind: str, inputs: int, hidden: int) -> Callable[[Any], Any]:
    """Return what makes a recurrent layer and, of its last step, a linear one."""

    def make(nn: Any) -> Any:
        class Last(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.layer = getattr(nn, kind)(inputs, hidden, batch_first=True)

            def forward(self, x: Any) -> Any:
                return self.layer(x)[0][:, -1]

        return nn.Sequential(Last(), nn.Linear(hidden, 2))

    return make


Row = tuple[Callable[[Any], Any], int, tuple[int, ...], str]

# name: (model, batch size, input shape, kind of target)
_TABLE: dict[str, Row] = {
    "small-mlp": (_small_mlp, 64, (8,), "two numbers"),
    "large-mlp": (_large_mlp, 256, (784,), "class"),
    "cnn": (_cnn, 64, (1, 28, 28), "class"),
    "autoencoder": (_autoencoder, 64, (1, 28, 28), "input"),
    "vgg": (_vgg, 64, (3, 32, 32), "class"),
    "transformer": (_transformer, 32, (32, 64), "class"),
}
NAMES = tuple(_TABLE)
_TABLE |= {
    "lstm": (_recurrent("LSTM", 32, 64), 32, (30, 32), "two numbers"),
    "gru": (_recurrent("GRU", 32, 64), 32, (30, 32), "two numbers"),
    "large-lstm": (_recurrent("LSTM", 32, 256), 64, (50, 32), "two numbers"),
    "large-gru": (_recurrent("GRU", 32, 256), 64, (50, 32), "two numbers"),
}
RECURRENT = tuple(name for name in _TABLE if name not in NAMES)


def _swept(name: str) -> Row:
    """Return the row of a net of the sweep, such as `width=256`."""
    family, _, number = name.partition("=")
    n = int(number)
    if family == "width":
        layers, size, shape = (("Linear", n, n), ("ReLU",), ("Linear", n, n)), 64, (n,)
    elif family == "batch":
        layers, size, shape = (("Linear", 256, 256), ("ReLU",), ("Linear", 256, 10)), n, (256,)
    elif family == "image":
        layers, size, shape = (("Conv2d", 3, 16, 3), ("ReLU",), ("MaxPool2d", 2)), 8, (3, n, n)
    elif family == "channels":
        layers, size, shape = (("Conv2d", n, n, 3), ("ReLU",)), 8, (n, 14, 14)
    else:
        raise KeyError(name)

    def make(nn: Any) -> Any:
        return nn.Sequential(*(getattr(nn, kind)(*arguments) for kind, *arguments in layers))

    return make, size, shape, "zero"


def net(name: str) -> Row:
    """Return (model of a library, batch size, input shape, kind of target).

    `cnn:256` is the CNN with batches of 256.
    """
    name, _, rows = name.partition(":")
    make, size, shape, kind = _TABLE[name] if name in _TABLE else _swept(name)
    return make, int(rows or size), shape, kind


def _products(layer: Any, x: Any, y: Any) -> list[tuple[float, int, int]]:
    """Return FLOPs, numbers read and numbers written of each product of a layer, forward."""
    kind = type(layer).__name__
    if kind in ("Linear", "Conv2d"):
        weight = layer.weight.shape
        return [(2.0 * prod(weight) * prod(y.shape) / weight[0], prod(x.shape), prod(y.shape))]
    if kind == "Last":  # a recurrent layer: every step's input, and the state before it
        n, steps, _ = x.shape
        states = n * steps * layer.layer.hidden_size
        inner, outer = (2.0 * n * steps * prod(w.shape) for w in layer.layer.all_weights[0][:2])
        return [(inner, prod(x.shape), 0), (outer, 0, states)]
    if kind != "TransformerEncoderLayer":
        return []
    n, length, width = x.shape
    rows, hidden = n * length, layer.linear1.out_features
    attention = (4.0 * rows * length * width, rows * 3 * width, rows * width)
    pairs = (width, 3 * width), (width, width), (width, hidden), (hidden, width)
    return [*((2.0 * rows * i * o, rows * i, rows * o) for i, o in pairs), attention]


def cost(name: str, rushlight: Any, what: str) -> tuple[float, float]:
    """Return the FLOPs and the bytes of float32 that a call must move at least, by formula.

    A product of a layer counts two FLOPs for each weight and output cell that meet; inference does
    it once, training three times (but for the input gradient of the first layer). The two products
    of attention count as one that reads q, k and v. Everything else is counted as if it were fused
    into the products: inference reads their inputs and weights and writes their outputs; training
    reads the inputs twice, writes their gradients, writes the outputs and reads their gradients
    twice, and moves ten numbers for each parameter: read forward and backward, gradient written,
    four read and three written by Adam.
    """
    make, size, shape, _ = net(name)
    x = rushlight.zeros(1 if what == "one" else size, *shape)
    model = make(rushlight.nn).eval()
    flops = moved = 0.0
    first = True
    for layer in model:
        y = layer(x)
        for product, read, written in _products(layer, x, y):
            if what == "step":
                flops += product * (2 if first else 3)
                moved += read * (2 if first else 3) + written * 3
            else:
                flops += product
                moved += read + written
            first = False
        x = y
    parameters = sum(prod(p.shape) for p in model.parameters())
    return flops, 4 * (moved + parameters * (10 if what == "step" else 1))


def build(
    name: str,
    torch: Any,
    *,
    channels_last: bool = False,
    wrap: Callable[[Any], Any] | None = None,
    backward: Callable[[Any], Callable[[Any], None]] | None = None,
    compile: Callable[[Any], Any] | None = None,
    **adam: Any,
) -> Workload:
    """Make a workload in `torch` (or rushlight).

    channels_last: in torch's format of that name. wrap: what the model is handed to before it is
    used, such as torch.compile. backward: makes of the model what is called with the loss in place
    of its own backward. compile: what the whole step, and the model for inference, are handed to.
    adam: more options of the optimizer.
    """
    make, size, shape, kind = net(name)
    torch.manual_seed(0)
    model = make(torch.nn)
    x = torch.rand(size, *shape)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        if x.ndim == 4:
            x = x.to(memory_format=torch.channels_last)
    if kind == "class":
        target, loss_of = torch.randint(0, 10, (size,)), torch.nn.CrossEntropyLoss()
    elif kind == "zero":
        target, loss_of = torch.zeros(*model(x).shape), torch.nn.MSELoss()
    elif kind == "input":
        target, loss_of = x.flatten(1), torch.nn.MSELoss()
    else:
        target, loss_of = torch.rand(size, 2), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **adam)
    used = model if wrap is None else wrap(model)
    walk = None if backward is None else backward(model)

    def train(x: Any, target: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(used(x), target)
        if walk is None:
            loss.backward()
        else:
            walk(loss)
        optimizer.step()
        return loss

    trained, run = train, used
    if compile is not None:
        trained, run = compile(train), compile(model)

    def step() -> float:
        return float(trained(x, target).item())

    def infer(images: Any) -> Any:
        with torch.no_grad():
            return run(images)

    return Workload(step, infer, x, x[:1], model)
