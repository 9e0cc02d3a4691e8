"""The Fourier transform of pairs: samples and errors for the contract test."""

from __future__ import annotations

from typing import Any

from tests.ops.sample import Error, Sample, integers, normal

from rushlight.errors import DtypeError, ShapeError


def _options(inverse: bool, scaled: bool) -> dict[str, bool]:
    return {"inverse": inverse, "scaled": scaled}


def _torch(name: str, norm: str) -> Any:
    return lambda t, x: t.view_as_real(
        getattr(t.fft, name)(t.view_as_complex(x.contiguous()), norm=norm)
    )


SAMPLES = {
    "dft": [
        Sample((normal(3, 8, 2),), _options(False, False), _torch("fft", "backward")),
        Sample((normal(2, 2, 5, 2),), _options(True, True), _torch("ifft", "backward")),
        Sample((normal(7, 2),), _options(True, False), _torch("ifft", "forward")),
        Sample((normal(1, 6, 2),), _options(False, True), _torch("fft", "forward")),
    ],
}

ERRORS = {
    "dft": [
        Error((normal(4, 3),), _options(False, False), ShapeError, r"got input \(4, 3\).*pairs"),
        Error((integers(4, 2, high=3),), _options(False, False), DtypeError, "floating"),
    ],
}
