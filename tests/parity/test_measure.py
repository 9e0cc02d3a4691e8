"""The measure finds what is wrong: modules that differ from torch's in one thing each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # torch's database imports it

from tests.parity.measure import LIMITS, _compare, _furthest  # noqa: E402

SMALL = 1e-4  # of the weights: an error of a millionth of them is far below 1


class Right(nn.Linear):
    """Torch's layer, as it should be."""

    def forward(self, x: Any) -> Any:
        return super().forward(x).square()


class Theirs(torch.nn.Linear):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return super().forward(x).square()


def _errors(cls: Any, bias: bool = True) -> Any:
    theirs, mine = Theirs(3, 2, bias=bias).double(), cls(3, 2, bias=bias).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(SMALL)
    x = torch.tensor(np.random.default_rng(0).standard_normal((4, 3)), requires_grad=True)
    return _compare(theirs, mine, (x,), {}, True)


def _found(error: float | None, limit: float) -> bool:
    return error is not None and not error <= limit


def test_the_right_module_passes() -> None:
    assert not any(map(_found, _errors(Right), LIMITS))


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (0, lambda self, x, y: y * (1 + 1e-6)),
        (1, lambda self, x, y: y + 1e-12 * (x - x.detach())[:, :2]),
        (2, lambda self, x, y: y.detach() + (y - y.detach()) * (1 + 1e-6)),
        (3, lambda self, x, y: y - (x - x.detach())[:, :2] ** 2 * 1e-9),
    ],
)
def test_small_errors_are_found(column: int, wrong: Any) -> None:
    class Wrong(Right):
        def forward(self, x: Any) -> Any:
            return wrong(self, x, super().forward(x))

    assert _found(_errors(Wrong)[column], LIMITS[column])


@pytest.mark.parametrize(
    ("match", "wrong"),
    [
        ("float32", lambda self, x, y: y.float()),
        (r"\(4, 2, 1\)", lambda self, x, y: y.unsqueeze(-1)),
        ("requires_grad", lambda self, x, y: y.detach()),
        ("None", lambda self, x, y: nn.functional.linear(x, self.weight, self.bias.detach()) ** 2),
        ("form", lambda self, x, y: (y, None)),
    ],
)
def test_other_kinds_are_found(match: str, wrong: Any) -> None:
    class Wrong(Right):
        def forward(self, x: Any) -> Any:
            return wrong(self, x, super().forward(x))

    with pytest.raises(AssertionError, match=match):
        _errors(Wrong)


def test_other_states_are_found() -> None:
    class Wrong(Right):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.register_buffer("more", rl.zeros(1))

    with pytest.raises(AssertionError, match="more"):
        _errors(Wrong)


def test_nan_is_not_forgotten() -> None:
    good, bad = rl.ones(2, dtype=rl.float64), rl.full((2,), float("nan"), dtype=rl.float64)
    right = torch.ones(2, dtype=torch.float64)
    assert np.isnan(_furthest([(bad, right), (good, right)]))
    assert np.isnan(_furthest([(good, right), (bad, right)]))
    assert _furthest([]) is None
