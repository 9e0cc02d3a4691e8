"""Files: names -> tensors and arrays and back, in formats that cannot run code."""

from rushlight.io.atomic import atomic_write, write_text
from rushlight.io.safetensors import load_bytes, load_file, save_bytes, save_file
from rushlight.io.sealed import load_sealed, save_sealed
from rushlight.io.state import load, save

__all__ = [
    "atomic_write",
    "load",
    "load_bytes",
    "load_file",
    "load_sealed",
    "save",
    "save_bytes",
    "save_file",
    "save_sealed",
    "write_text",
]
