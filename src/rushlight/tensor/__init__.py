"""The class Tensor."""

from rushlight.functional.creation import from_numpy
from rushlight.tensor.tensor import Tensor, device

__all__ = ["Tensor", "device", "from_numpy"]
