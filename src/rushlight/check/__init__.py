"""Checks of gradients by central differences, and of hand-written layers by what is right."""

from rushlight.check.asserting import assert_correct
from rushlight.check.file import check_file
from rushlight.check.findings import FileReport, Finding, LayerReport
from rushlight.check.gradcheck import GradcheckError, gradcheck, gradgradcheck
from rushlight.check.layer import check_layer

__all__ = [
    "FileReport",
    "Finding",
    "GradcheckError",
    "LayerReport",
    "assert_correct",
    "check_file",
    "check_layer",
    "gradcheck",
    "gradgradcheck",
]
