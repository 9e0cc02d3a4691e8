"""The tape: runs ops, records them as nodes, and walks the nodes backward."""

from rushlight.tape.backward import accumulate, run_backward
from rushlight.tape.chain import Chain, Link, Place
from rushlight.tape.nodes import Edge, Node, TensorBase, apply, cell, quietly, record, state, wrap

__all__ = [
    "Chain",
    "Edge",
    "Link",
    "Node",
    "Place",
    "TensorBase",
    "accumulate",
    "apply",
    "cell",
    "quietly",
    "record",
    "run_backward",
    "state",
    "wrap",
]
