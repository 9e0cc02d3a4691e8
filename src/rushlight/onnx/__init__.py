"""ONNX files: models of Rushlight written as ONNX, and ONNX read as modules."""

from rushlight.onnx.export import ExportError, Report, export
from rushlight.onnx.load import OnnxModule
from rushlight.onnx.load.module import load  # after the subpackage of the same name

__all__ = ["ExportError", "OnnxModule", "Report", "export", "load"]
