"""Recorded graphs: the ops that a model calls, as a plain structure."""

from rushlight.graph.passes import drop_dead, fold_batch_norm, fold_constants
from rushlight.graph.recording import examples, record
from rushlight.graph.structure import Graph, Node, RecordError, Size, Value, operands, replaced

__all__ = [
    "Graph",
    "Node",
    "RecordError",
    "Size",
    "Value",
    "drop_dead",
    "examples",
    "fold_batch_norm",
    "fold_constants",
    "operands",
    "record",
    "replaced",
]
