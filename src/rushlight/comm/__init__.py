"""Processes that compute together: what they are to each other, and what they say.

`current()` is the communicator of this process. Nothing else of the package knows MPI, and this
part knows arrays only.
"""

from rushlight.comm.communicator import Communicator, Request, parts
from rushlight.comm.launch import launched
from rushlight.comm.local import LocalCommunicator
from rushlight.comm.mpi import MPICommunicator
from rushlight.comm.now import alone, current, fail, join, joined, use

__all__ = [
    "Communicator",
    "LocalCommunicator",
    "MPICommunicator",
    "Request",
    "alone",
    "current",
    "fail",
    "join",
    "joined",
    "launched",
    "parts",
    "use",
]
