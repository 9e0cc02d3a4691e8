"""The section of docs/onnx.md on what can be imported, made of ONNX's own tests and the table."""

from __future__ import annotations

from collections import Counter

from tests.onnx import suite

from rushlight.onnx.load.bodies import by_body
from rushlight.onnx.load.expand import newest
from rushlight.onnx.load.table import known

__all__ = ["import_page"]

HEAD = """## Import

    model = rushlight.onnx.load("model.onnx")

gives a module that computes what the file says. Initializers keep their names in the state dict.
Those that are floating, have at least one dim and are reached by a gradient are Parameters, so
`model.train()` and an optimizer fine-tune it; all others are buffers;
`load(path, parameters=[...])` names the Parameters instead. The module is in evaluation mode at
first; in training mode Dropout drops and BatchNormalization goes by the batch and moves its running
statistics. What tensors cannot hold (bfloat16, unsigned integers beyond 8 bits) and the values of
Constant nodes are constants outside of the state dict. What is computed of sizes alone is left out
of traces, so that free sizes stay free when the model is exported again. The file is checked whole
before anything of it runs: docs/security.md says what is refused.

Operator sets 1 to {newest} of `ai.onnx` are read. The suite of backend tests that comes with onnx
{version} is run against `rushlight.onnx.load.backend.RushlightBackend`, a backend as
`onnx.backend.base` defines it, by `tests/onnx/test_backend.py`. Supported are all tests outside of
the categories that are excluded.
"""


def import_page() -> str:
    """Return the section."""
    lines = [HEAD.format(newest=newest(), version=suite.VERSION)]
    lines += [
        "| tests | all | supported | passed | share of the supported |",
        "|---|---|---|---|---|",
    ]
    sums = [0, 0, 0]
    for kind in suite.KINDS:
        everything, excluded, failed = suite.COUNTS[kind]
        row = everything, everything - excluded, everything - excluded - failed
        sums = [a + b for a, b in zip(sums, row, strict=True)]
        lines.append(_row(kind, *row))
    lines.append(_row("together", *sums))
    lines += [
        "",
        _asked(),
        "",
        "Excluded by category:",
        "",
        "| category | tests | what it is |",
        "|---|---|---|",
    ]
    counts = Counter(case.category for case in suite.cases())
    lines += [f"| {name} | {counts[name]} | {what} |" for name, what in suite.CATEGORIES.items()]
    lines += ["", "Supported and not passed:", ""]
    for reason, text in suite.REASONS.items():
        names = [f"`{name}`" for name, why in suite.KNOWN.items() if why == reason]
        lines.append(f"- {', '.join(names)}: {text}.")
    return "\n".join([*lines, "", *_operators()]) + "\n"


def _asked() -> str:
    everything, excluded, failed = suite.COUNTS["node"]
    supported = everything - excluded
    most = int(0.1 * supported)
    return (
        f"So >= 90 % of the node tests outside of the excluded categories pass: {failed} of "
        f"{supported:,}\ndo not, where {most} might fail. "
        "These are listed below, each with its reason."
    )


def _row(kind: str, everything: int, supported: int, passed: int) -> str:
    share = int(1000 * passed / supported) / 10
    return f"| {kind} | {everything:,} | {supported:,} | {passed:,} | {share} % |"


def _operators() -> list[str]:
    """Return the lines on the operators that are known, by domain."""
    names: dict[str, list[str]] = {}
    for domain, op in known():
        if domain != "doc":  # of an example in a docstring
            names.setdefault(domain or "ai.onnx", []).append(f"`{op}`")
    bodies = [f"`{op}`" for domain, op in by_body()]
    lines = ["### Operators", ""]
    lines += [f"{domain} ({len(ops)}): {', '.join(ops)}.\n" for domain, ops in names.items()]
    if bodies:
        lines.append(f"By the body that ONNX defines them by ({len(bodies)}): {', '.join(bodies)}.")
    return lines
