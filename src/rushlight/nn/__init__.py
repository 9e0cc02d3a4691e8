"""Modules: layers, containers, losses, initial distributions."""

from rushlight.nn.module import Module
from rushlight.nn.parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Module",
    "Parameter",
]
