"""The tape: runs ops, records them as nodes, and walks the nodes backward."""

from rushlight.tape.backward import accumulate, run_backward
from rushlight.tape.chain import Chain, Link, Place
from rushlight.tape.nodes import (
    Beside,
    Edge,
    Node,
    TensorBase,
    Traced,
    apply,
    cell,
    quietly,
    record,
    root,
    state,
    untaped,
    wrap,
    wrote,
)
from rushlight.tape.tracing import left, traced

__all__ = [
    "Beside",
    "Chain",
    "Edge",
    "Link",
    "Node",
    "Place",
    "TensorBase",
    "Traced",
    "accumulate",
    "apply",
    "cell",
    "left",
    "quietly",
    "record",
    "root",
    "run_backward",
    "state",
    "traced",
    "untaped",
    "wrap",
    "wrote",
]
