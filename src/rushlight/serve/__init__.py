"""Models without Rushlight: folders that need NumPy only."""

from rushlight.serve.export import Report, export
from rushlight.serve.faults import ExportError

__all__ = ["ExportError", "Report", "export"]
