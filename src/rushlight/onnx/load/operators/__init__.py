"""Families of ONNX's operators, each function registered in the table."""
