"""Differentiable operations: forward and backward beside each other, on plain arrays."""
