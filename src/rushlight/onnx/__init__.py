"""ONNX files: models of Rushlight written as ONNX, and ONNX read as modules."""

from rushlight.onnx.export import ExportError, Report, export

__all__ = ["ExportError", "Report", "export"]
