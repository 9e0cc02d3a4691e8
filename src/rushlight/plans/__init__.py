"""Recorded plans: `rushlight.compile`."""

from rushlight.plans.door import Compiled, compile

__all__ = ["Compiled", "compile"]
