"""Assertions for tests of hand-written layers, whatever runs the tests."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from rushlight.check.findings import FileReport, LayerReport
from rushlight.errors import explain

__all__ = ["assert_correct"]

__unittest = True  # unittest leaves the frames of such a module out of a failure


def assert_correct(
    obj: Any, like: Any = None, lang: str = "en", *, layer: str | None = None
) -> LayerReport | FileReport:
    """Return the report of a layer that is right; raise an AssertionError that says what is not.

    Its text is that of `rushlight check`: what, where, by how much, why, and how to mend it. Notes
    do not fail. A layer that cannot be checked does.

    Args:
        obj: a class, function or object; or the path (str or PathLike) of a Python file or
            notebook, which is loaded in a process of its own.
        like: what it should be, such as "torch_like.Conv2d" (default: by its name).
        lang: "en" (default) or "ru".
        layer: str, the layer of the file that is meant (default: all of them).

    Returns:
        The `LayerReport`; for a path without `layer` the `FileReport`.

    Raises:
        AssertionError: a defect, or nothing could be checked.
        ValueError: `like` or `lang` is not known, or `layer` is given without a path.

    Example:
        >>> import numpy as np
        >>> class Tanh:
        ...     def updateOutput(self, input):
        ...         self.output = np.tanh(input)
        ...         return self.output
        ...     def updateGradInput(self, input, gradOutput):
        ...         self.gradInput = gradOutput * (1 - self.output**2)
        ...         return self.gradInput
        >>> assert_correct(Tanh).status
        'ok'
    """
    __tracebackhide__ = True  # pytest shows the line of the test, not this one
    from rushlight.check.report.words import checked_language

    lang = checked_language(lang)
    if isinstance(obj, str | os.PathLike):
        report, text = _of_file(obj, like, lang, layer)
    elif layer is not None:
        raise ValueError(
            explain(
                "assert_correct",
                got=f"layer={layer!r} with {type(obj).__name__}",
                expected="layer with the path of a file only",
            )
        )
    else:
        from rushlight.check.layer import check_layer

        report = check_layer(obj, like)
        text = _wrong(report, lang)
    if text:
        raise AssertionError(text)
    return report


def _of_file(
    path: str | os.PathLike[str], like: Any, lang: str, layer: str | None
) -> tuple[LayerReport | FileReport, str]:
    """Return the report of a file, or of one of its layers, and what is wrong with it."""
    from rushlight.check.file import check_file
    from rushlight.check.report import as_text

    if layer is None:
        whole = check_file(path, like=like)
        return whole, as_text(whole, lang) if whole.exit_code else ""
    whole = check_file(path, like=like, layers=(layer,))
    report = next(report for report in whole.layers if report.name == layer)
    if report.reason == "absent":
        return report, as_text(whole, lang)  # with what could not be loaded: it may be there
    return report, _wrong(report, lang)


def _wrong(report: LayerReport, lang: str) -> str:
    """Return what is wrong with a layer, without the notes; "" if nothing is."""
    if report.ok:
        return ""
    from rushlight.check.report import layer_text

    found = tuple(finding for finding in report.findings if finding.severity == "defect")
    return layer_text(dataclasses.replace(report, findings=found), lang)
