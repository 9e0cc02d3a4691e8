"""Tensors and autograd."""

from rushlight.tensor.tensor import Tensor, device  # first: it sets the type that the tape makes

from rushlight.functional.creation import from_numpy  # isort: skip

__all__ = ["Tensor", "device", "from_numpy"]
