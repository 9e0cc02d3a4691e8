"""The safetensors format: names -> arrays and back, in a file that cannot run code.

A file is 8 bytes (the header's length, little-endian), the header (JSON: name -> dtype, shape,
offsets; text under `__metadata__`) and one buffer that the arrays cover without gap or overlap.
What is written is byte for byte what the `safetensors` library writes. A model in several files
has an index beside them (JSON) that states which name lies in which file.

Source: https://github.com/huggingface/safetensors#format
"""

from rushlight.io.safetensors.lazy import SafeOpen, Slice, safe_open
from rushlight.io.safetensors.reading import load_bytes, load_file
from rushlight.io.safetensors.sharded import save_sharded
from rushlight.io.safetensors.writing import save_bytes, save_file

__all__ = [
    "SafeOpen",
    "Slice",
    "load_bytes",
    "load_file",
    "safe_open",
    "save_bytes",
    "save_file",
    "save_sharded",
]
