"""Files of students: read, loaded without their training, checked in a guarded process."""

from rushlight.check.loading.folder import student_files
from rushlight.check.loading.parent import Checked, Limits, run
from rushlight.check.loading.problem import Place, Problem, stop_message
from rushlight.check.loading.stops import Stop
from rushlight.check.loading.stubs import Stub, StubUsed

__all__ = [
    "Checked",
    "Limits",
    "Place",
    "Problem",
    "Stop",
    "Stub",
    "StubUsed",
    "run",
    "stop_message",
    "student_files",
]
