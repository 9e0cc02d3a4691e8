"""What a model is made of: its layers, shapes, parameters, work and memory, and a drawing."""

from rushlight.nn.summary.table import Row, Summary, summarize

__all__ = ["Row", "Summary", "summarize"]
