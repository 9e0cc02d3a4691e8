"""Models without Rushlight: folders that need NumPy only."""
