"""Files: names -> tensors and arrays and back, in formats that cannot run code."""

from rushlight.io.atomic import atomic_write, write_text
from rushlight.io.safetensors import (
    load_bytes,
    load_file,
    safe_open,
    save_bytes,
    save_file,
    save_sharded,
)
from rushlight.io.sealed import load_sealed, save_sealed
from rushlight.io.state import load, save

__all__ = [
    "atomic_write",
    "load",
    "load_bytes",
    "load_file",
    "load_sealed",
    "safe_open",
    "save",
    "save_bytes",
    "save_file",
    "save_sealed",
    "save_sharded",
    "write_text",
]
