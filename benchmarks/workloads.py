"""The five nets that Rushlight is measured on, written once for both libraries.

`build(name, torch)` takes the library itself, torch or rushlight, so that both run the same lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["NAMES", "Workload", "build"]


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


# name: (model, batch size, input shape, kind of target)
_TABLE: dict[str, tuple[Callable[[Any], Any], int, tuple[int, ...], str]] = {
    "small-mlp": (_small_mlp, 64, (8,), "two numbers"),
    "large-mlp": (_large_mlp, 256, (784,), "class"),
    "cnn": (_cnn, 64, (1, 28, 28), "class"),
    "autoencoder": (_autoencoder, 64, (1, 28, 28), "input"),
    "vgg": (_vgg, 64, (3, 32, 32), "class"),
}
NAMES = tuple(_TABLE)


def build(name: str, torch: Any, *, channels_last: bool = False) -> Workload:
    """Make a workload in `torch` (or rushlight), optionally in torch's channels-last format."""
    make, size, shape, kind = _TABLE[name]
    torch.manual_seed(0)
    model = make(torch.nn)
    x = torch.rand(size, *shape)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        if x.ndim == 4:
            x = x.to(memory_format=torch.channels_last)
    if kind == "class":
        target, loss_of = torch.randint(0, 10, (size,)), torch.nn.CrossEntropyLoss()
    elif kind == "input":
        target, loss_of = x.flatten(1), torch.nn.MSELoss()
    else:
        target, loss_of = torch.rand(size, 2), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(x), target)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def infer(images: Any) -> Any:
        with torch.no_grad():
            return model(images)

    return Workload(step, infer, x, x[:1], model)
