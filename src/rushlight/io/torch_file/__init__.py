"""Torch's files of tensors (.pt, .pth), read and written without torch and without running code."""

from rushlight.io.torch_file.reading import is_torch_file, load_torch_file
from rushlight.io.torch_file.writing import save_torch_file

__all__ = ["is_torch_file", "load_torch_file", "save_torch_file"]
