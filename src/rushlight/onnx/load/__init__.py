"""ONNX read as modules: files that are checked whole before anything of them is run."""

from rushlight.onnx.load.module import OnnxModule

__all__ = ["OnnxModule"]
