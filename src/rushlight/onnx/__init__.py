"""ONNX files: models of Rushlight written as ONNX, and ONNX read as modules."""
