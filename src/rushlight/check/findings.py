"""What a check has found: facts without words. Texts and pages are made of them elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["FileReport", "Finding", "LayerReport", "Picture", "Region", "Severity", "Status"]

Severity = Literal["defect", "note"]
Status = Literal["ok", "defect", "error", "skipped"]


@dataclass(frozen=True)
class Region:
    """Where in a tensor the wrong elements lie.

    Args:
        kind: "all", "some", "border", "interior", "rows", "columns", "channels", "samples".
        numbers: which rows, columns, channels or samples; empty for the other kinds.
        wrong: how many elements are wrong.
        total: how many there are.
    """

    kind: str
    numbers: tuple[int, ...] = ()
    wrong: int = 0
    total: int = 0


@dataclass(frozen=True)
class Picture:
    """A two-dimensional cut through a wrong tensor, small enough to be shown.

    Args:
        expected, got: rows of values; None where the value is not finite.
        place: the leading index of the cut, such as (0, 1) for sample 0, channel 1.
    """

    expected: Sequence[Sequence[float | None]]
    got: Sequence[Sequence[float | None]]
    place: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (a defect) or worth knowing (a note).

    Args:
        severity: "defect" or "note"; notes leave the status of a layer ok.
        check: what was tested; one of `check.texts` CHECKS.
        tensor: what is wrong: "output", "gradInput", "gradW", "moving_mean", ...; may be "".
        cause: the likely cause; one of `check.texts` CAUSES.
        layer: the kind of layer, such as "Conv2d".
        case: how the layer was made and called: "Conv2d(2, 3, 3, stride=2), input (2, 2, 7, 6)".
        index: of the first wrong element.
        expected, got: the values there.
        max_error: the largest absolute error of the tensor; inf if a value is not finite.
        region: where the wrong elements lie.
        details: whatever else the texts of this cause name, such as {"option": "stride"}.
        picture: a cut through the tensor.
    """

    severity: Severity
    check: str
    tensor: str
    cause: str
    layer: str = ""
    case: str = ""
    index: tuple[int, ...] | None = None
    expected: float | None = None
    got: float | None = None
    max_error: float | None = None
    region: Region | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    picture: Picture | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the finding as a dictionary that JSON can carry."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Finding:
        """Return the finding that `to_record` wrote, after JSON has made lists of its tuples."""
        values = dict(record)
        region, picture, index = (values.get(name) for name in ("region", "picture", "index"))
        if region is not None:
            values["region"] = Region(**{**region, "numbers": tuple(region["numbers"])})
        if picture is not None:
            values["picture"] = Picture(**{**picture, "place": tuple(picture["place"])})
        values["index"] = None if index is None else tuple(index)
        return cls(**values)


@dataclass(frozen=True)
class LayerReport:
    """What was found out about one layer.

    Args:
        name: of the class or function, as the file has it.
        like: what it was compared with, such as "torch_like.Conv2d".
        status: "ok" (notes at most), "defect", "error" (it could not be checked), "skipped".
        findings: the likeliest root first.
        reason: why it was skipped or could not be checked; a key of `check.texts` REASONS, or "".
        details: whatever the text of the reason names.
        checks: how many comparisons were made.
        cell, line: where the file defines it, if that is known.
    """

    name: str
    like: str
    status: Status
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    checks: int = 0
    cell: int | None = None
    line: int | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the layer was checked and has no defect."""
        return self.status == "ok"

    def __str__(self) -> str:
        from rushlight.check.report import layer_text

        return layer_text(self)

    def _repr_html_(self) -> str:
        from rushlight.check.report import as_html

        return as_html(self)

    def to_record(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can carry."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LayerReport:
        """Return the report that `to_record` wrote."""
        found = tuple(Finding.from_record(finding) for finding in record.get("findings", ()))
        return cls(**{**record, "findings": found})


@dataclass(frozen=True)
class FileReport:
    """What was found out about one file.

    Args:
        file: its name.
        layers: in the order of the file.
        problems: parts of the file that could not be loaded: dictionaries with "kind", "cell",
            "line", "text" and "error", as the loader writes them.
    """

    file: str
    layers: tuple[LayerReport, ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0: all layers are right, 1: defects or errors, 2: nothing could be checked."""
        checked = [layer for layer in self.layers if layer.status != "skipped"]
        if not checked:
            return 2
        unfinished = any(problem["kind"] == "unfinished" for problem in self.problems)
        return 0 if all(layer.ok for layer in checked) and not unfinished else 1

    def __str__(self) -> str:
        from rushlight.check.report import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from rushlight.check.report import as_html

        return as_html(self)
