"""Check one layer: find out what it is, put it through the battery, name what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from rushlight.check.battery import examine
from rushlight.check.diagnose import Opinion, diagnose
from rushlight.check.families import FAMILIES, family_of, nearest
from rushlight.check.family import Family
from rushlight.check.findings import LayerReport
from rushlight.check.formulas.names import DIALECTS
from rushlight.check.loading.stops import reason_in_check
from rushlight.check.loading.stubs import StubUsed
from rushlight.check.opinion import need_torch, opinion
from rushlight.check.signature import plain
from rushlight.check.student import explicit
from rushlight.check.subject import Subject
from rushlight.errors import explain

__all__ = [
    "DIALECTS",
    "NOT_WANTED",
    "check_for_report",
    "check_layer",
    "family_name",
    "find_layers",
    "parse_like",
]

NOT_WANTED = "not_wanted"  # the reason of a layer that was left out on request


def check_layer(obj: Any, like: Any = None, *, second_opinion: bool = False) -> LayerReport:
    """Check a hand-written layer, criterion, container or optimizer against Rushlight's own.

    Output, gradients, accumulation, modes, stability and more are compared in float64 with random
    inputs and cotangents; what differs is explained.

    Args:
        obj: the class or function; an object stands for its class.
        like: what it should be: "Conv2d", "torch_like", "torch_like.Conv2d", or a class of
            `rushlight.classic`. Default: by the name of the class and its constructor.
        second_opinion: ask torch, too, whether what is expected is right (default False); findings
            say what it answers.

    Returns:
        A report that is true to `report.ok`, prints as text and shows as HTML in a notebook.

    Raises:
        ValueError: if `like` is not known.
        ImportError: if a second opinion is wanted where torch is not installed.

    Example:
        >>> import numpy as np
        >>> class Tanh:
        ...     def updateOutput(self, input):
        ...         self.output = np.tanh(input)
        ...         return self.output
        ...     def updateGradInput(self, input, gradOutput):
        ...         self.gradInput = gradOutput * (1 - self.output)
        ...         return self.gradInput
        >>> [f.cause for f in check_layer(Tanh, like="Tanh").findings]
        ['local_derivative']
    """
    if second_opinion:
        need_torch()
    target = obj if inspect.isclass(obj) or inspect.isfunction(obj) else type(obj)
    try:
        return _checked(target, like, opinion if second_opinion else None)
    except (SystemExit, MemoryError, StubUsed) as error:
        name, reason = target.__name__, reason_in_check(error)
        details = {} if isinstance(error, SystemExit) else {"error": str(error)}
        if isinstance(error, StubUsed):
            details["error_ru"] = error.russian
        return LayerReport(name, family_name(name, like), "error", reason=reason, details=details)


def family_name(name: str, like: Any = None) -> str:
    """Return the kind of layer that is meant by `like`, or else by a name; "" if it is unknown."""
    family = parse_like(like)[1] or family_of(name)
    return "" if family is None else family.name


def _checked(target: Any, like: Any, second: Opinion | None) -> LayerReport:
    name = target.__name__
    dialect, family = parse_like(like)
    family = family or family_of(name)
    if family is None:
        return LayerReport(name, "", "skipped", reason="unknown_layer", details={"name": name})
    return _best(target, name, family, dialect, second)


def parse_like(like: Any) -> tuple[str, Family | None]:
    """Return the dialect and the family that `like` names; "" and None where they stay open."""
    if like is None:
        return "", None
    if inspect.isclass(like) or inspect.isfunction(like):
        home = like.__module__.rpartition(".")[2]
        text = f"{home}.{like.__name__}" if home in DIALECTS else like.__name__
    else:
        text = str(like)
    dialect, _, name = text.rpartition(".") if "." in text else ("", "", text)
    if plain(name) in map(plain, DIALECTS) and not dialect:
        dialect, name = name, ""
    found = next((d for d in DIALECTS if plain(d) == plain(dialect)), "")
    family = family_of(name) if name else None
    if (dialect and not found) or (name and family is None):
        known = ", ".join((*DIALECTS, *sorted({one.name for one in FAMILIES})))
        close = nearest(name) if name else []
        raise ValueError(
            explain(
                "check: like",
                got=repr(like),
                expected=f"a dialect, a layer, or dialect.layer; known: {known}",
                fix=f"did you mean {' or '.join(close)}?" if close else "",
            )
        )
    return found, family


def _best(
    target: Any, name: str, family: Family, dialect: str, second: Opinion | None
) -> LayerReport:
    """Check with the dialect, or with each that it could be, and return the kindest report."""
    guess = dialect or family.dialect(Subject(target, family, DIALECTS[0]))
    if not guess and inspect.isclass(target) and not explicit(target):
        guess = "torch_like"
    tried = (guess,) if guess else DIALECTS
    subjects = [Subject(target, family, one, bool(dialect)) for one in tried]
    reports = [_report(name, subject, second) for subject in subjects]
    return min(reports, key=_rank)


def _rank(report: LayerReport) -> tuple[bool, bool, int]:
    return report.status == "skipped", report.status != "ok", len(report.findings)


def _report(name: str, subject: Subject, second: Opinion | None) -> LayerReport:
    family, like = subject.family, f"{subject.dialect}.{subject.family.name}"
    with np.errstate(all="ignore"):  # of hypotheses that do not apply
        findings = diagnose(examine(subject), family, subject.code, second)
    if subject.comparisons == 0 and not findings:
        return LayerReport(name, like, "skipped", reason="no_constructor", details={"name": name})
    bad = any(f.severity == "defect" for f in findings)
    return LayerReport(
        name, like, "defect" if bad else "ok", tuple(findings), checks=subject.comparisons
    )


def find_layers(namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the classes and functions of a loaded file that look like layers, in their order."""
    found: dict[int, tuple[str, Any]] = {}
    for name, value in namespace.items():
        if name.startswith("_") or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        known = family_of(value.__name__) is not None or family_of(name) is not None
        if known or (inspect.isclass(value) and _has_api(value)):
            found.setdefault(id(value), (name, value))  # a second name is not a second layer
    return list(found.values())


def _has_api(cls: type) -> bool:
    return "updateOutput" in vars(cls) and plain(cls.__name__) not in ("module", "criterion")


def check_for_report(name: str, obj: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check one layer in the child process: the report as a dictionary for JSON.

    What ends a check, an exit for example, comes out: the process tells where in the file it was.
    """
    if options.get("layers") and name not in options["layers"]:
        return LayerReport(name, "", "skipped", reason=NOT_WANTED).to_record()
    second = opinion if options.get("second_opinion") else None
    record = _checked(obj, options.get("like"), second).to_record()
    return {key: value for key, value in record.items() if key not in ("name", "cell", "line")}
