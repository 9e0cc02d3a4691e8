"""Dropout factors of half precision come from the reference."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.kernels.reference.dropout import dropout_factor as reference

if native is None:
    pytest.skip("the compiled extension is absent or unwanted", allow_module_level=True)

from rushlight.kernels.native.dropout import dropout_factor


@pytest.mark.parametrize("word", [np.uint16, np.uint32])
def test_float16_is_left_to_the_reference(word: type) -> None:
    words = np.random.default_rng(0).integers(0, np.iinfo(word).max, 12).astype(word)
    args = (words, int(np.iinfo(word).max) // 3, 1.25, (3, 4), np.dtype(np.float16))
    np.testing.assert_array_equal(dropout_factor(*args), reference(*args))
