"""Export: models of Rushlight as ONNX files."""

from rushlight.onnx.export.exporting import export
from rushlight.onnx.export.report import ExportError, Report

__all__ = ["ExportError", "Report", "export"]
