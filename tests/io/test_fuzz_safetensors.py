"""The fuzzer of safetensors files, with a few inputs for each reader."""

import pytest
from tests.io.fuzz_safetensors import READERS, run


@pytest.mark.parametrize("reader", READERS)
def test_fuzz(reader):
    counts = run(reader, 300)
    assert counts["read"] > 30 and counts["refused"] > 30  # neither way is vacuous
