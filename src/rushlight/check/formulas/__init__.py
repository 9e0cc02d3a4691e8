"""The formulas of the layers: in mathematics, in NumPy and in numbers."""
