"""Samples of recurrent layers: lengths that fall, both directions, states of any width."""

from __future__ import annotations

from typing import Any

from tests.kernels.native import Made, Sample, normal
from tests.kernels.samples_activation import special

SAMPLES: dict[str, list[Sample]] = {
    "gru_forward": [],
    "gru_grad": [],
    "lstm_forward": [],
    "lstm_grad": [],
}


def _lstm(sizes: tuple[int, ...], h: int, proj: int = 0, **options: Any) -> None:
    m, n, p = sum(sizes), sizes[0], proj or h
    states = normal(n, p, seed=1), normal(n, h, seed=2)
    w, w_hr = normal(4 * h, p, seed=3) / p**0.5, normal(p, h, seed=4) if proj else None
    grads = normal(m, p, seed=5), normal(n, p, seed=6), normal(n, h, seed=7)
    for reverse in (False, True):
        tail = w, w_hr, sizes, reverse
        forward = Sample((normal(m, 4 * h), *states, *tail), **options)
        SAMPLES["lstm_forward"].append(forward)
        for given in (grads, (grads[0], None, None), (None, *grads[1:])):
            SAMPLES["lstm_grad"].append(
                Sample((*given, Made("lstm_forward", forward), *states, *tail), **options)
            )


def _gru(sizes: tuple[int, ...], h: int, **options: Any) -> None:
    m, n = sum(sizes), sizes[0]
    h0, w = normal(n, h, seed=1), normal(3 * h, h, seed=3) / h**0.5
    g, g_last, y = normal(m, h, seed=5), normal(n, h, seed=6), normal(m, h, seed=7)
    for reverse in (False, True):
        for bias in (normal(h, seed=4), None):
            forward = Sample((normal(m, 3 * h), h0, w, bias, sizes, reverse), **options)
            SAMPLES["gru_forward"].append(forward)
        for given in ((g, g_last), (g, None), (None, g_last)):
            cache = Made("gru_forward", forward)
            SAMPLES["gru_grad"].append(Sample((*given, cache, y, h0, w, sizes, reverse), **options))


for _sizes, _h in [
    *(((2, 2), 1), ((3, 2, 2, 1), 4), ((5, 1), 7), ((1, 1, 1), 16), ((2, 1), 17), ((3,), 33)),
    ((0, 0), 3),
]:
    _lstm(_sizes, _h)
    _gru(_sizes, _h)
_lstm((3, 2, 1), 5, proj=2)
_lstm((2, 2), 17, proj=16)
_lstm((15, 14, 2), 8)  # more sequences than a task takes
_gru((15, 14, 2), 8)
_lstm((40, 33), 257, large=True)
_gru((40, 33), 257, large=True)

# values that are none, and beyond what exp can take
for _scale in (1.0, 1e3):
    _wild = special(4, 20) * _scale
    SAMPLES["lstm_forward"].append(
        Sample((_wild, normal(2, 5), normal(2, 5), normal(20, 5) / 3, None, (2, 2), False))
    )
    SAMPLES["gru_forward"].append(
        Sample((_wild[:, :15], normal(2, 5), normal(15, 5) / 3, None, (2, 2), False))
    )
