"""What an exported file has beside Rushlight's own kernels: NumPy only, taken by its source."""

from __future__ import annotations

__all__ = ["PIECES"]

_HERE = "rushlight.serve.pieces"

# What the file takes instead of a function that needs SciPy, or of what knows other arrays.
PIECES: dict[tuple[str, str], tuple[str, str]] = {
    ("rushlight.arrays", "namespace"): (f"{_HERE}.arrays", "namespace"),
    ("rushlight.kernels.reference.activation", "erf_forward"): (f"{_HERE}.special", "erf"),
    **{
        ("rushlight.kernels.products", name): (f"{_HERE}.products", name)
        for name in ("dot", "einsum", "matmul")
    },
    ("ops", "erfc"): (f"{_HERE}.special", "erfc"),
    ("ops", "sum_rows"): (f"{_HERE}.rows", "sum_rows"),
}
