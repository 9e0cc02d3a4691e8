"""Checks of gradients by central differences, and of hand-written layers by what is right."""

from rushlight.check.asserting import assert_correct
from rushlight.check.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "assert_correct", "gradcheck", "gradgradcheck"]
