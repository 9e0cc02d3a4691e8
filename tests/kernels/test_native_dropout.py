"""The compiled dropout factors are those of the reference, from the same words."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.kernels.native.dropout import dropout_factor
from rushlight.kernels.reference.dropout import dropout_factor as reference

pytestmark = pytest.mark.skipif(native is None, reason="the extension is not built")


@pytest.mark.parametrize("level", ["baseline", "avx2", "avx512"])
@pytest.mark.parametrize("word", [np.uint16, np.uint32])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_equal_to_the_reference(level: str, word: type, dtype: str) -> None:
    before = native.level()
    if not native.choose_level(level):
        pytest.skip(f"this CPU has no {level}")
    try:
        top = np.iinfo(word).max + 1
        for n in (0, 1, 7, 33, 1000, 70_001):
            words = np.random.default_rng(n).integers(0, top, n).astype(word)
            for threshold in (0, 1, top // 3, top - 1, top):
                args = (words, threshold, 1.25, (n,), np.dtype(dtype))
                np.testing.assert_array_equal(dropout_factor(*args), reference(*args))
    finally:
        native.choose_level(before)
