"""Modules from torch and to torch, in a process that has it."""

from rushlight.bridge.door import compare, from_torch
from rushlight.bridge.outward import to_torch

__all__ = ["compare", "from_torch", "to_torch"]
