"""The section of docs/onnx.md on what can be exported, made of every sample of every layer."""

from __future__ import annotations

from tests.onnx.export.modules import PARTLY, REFUSED, layers, results

from rushlight.onnx.export.refused import REFUSED as NO_FORM
from rushlight.onnx.export.table import ROWS

__all__ = ["export_page"]

HEAD = """## Export

    rushlight.onnx.export(model, example, "model.onnx", dynamic_axes={{"input": {{0: "batch"}}}})

The model is recorded in evaluation mode: with the example, with other elements and random numbers,
and with other sizes of the dynamic axes. What differs between these calls and is neither a tensor
nor a size (a branch of Python on values, a number taken out of a tensor, noise) is refused, with
the op and the path of its module; nothing is frozen into the file unseen. The file is written only
after `onnx.checker` has accepted it and onnxruntime has given the outputs of the model on the
example, on other elements and on other sizes, within 1e-5 of 1 + the largest output in float32.

Operators are those of the newest opset that the installed onnxruntime runs; `opset=` asks for
another, from 18 on. Parameters have the names of the state dict, nodes the paths of their modules.
Weights beyond 2 GB go to a second file. An empty example is refused, and so is a forward that
writes into a buffer. What onnxruntime has no kernel for in float64 or float16 (it then says so)
can be exported in float32, or written without being run by `check=False`.

### Layers

{exported} of the {total} layers that are called are exported; every sample of their tests is run
by onnxruntime. Layers that only hold others vanish, and lazy layers are exported as what they
become.
"""


def export_page() -> str:
    """Return the section."""
    used: dict[str, dict[str, None]] = {}
    for result in results():
        name = type(result.module).__name__
        operators = result.report.nodes if result.report is not None else ()
        used.setdefault(name, {}).update(dict.fromkeys(operators))
    names = [n for n in layers() if n in used]
    exported = [n for n in names if n not in REFUSED]
    head = HEAD.format(
        exported=len(exported),
        total=len(names),
    )
    lines = [head, "| layer | ONNX operators |", "|---|---|"]
    lines += [f"| `{name}` | {', '.join(sorted(used[name])) or 'none'} |" for name in exported]
    lines += ["", "Not exported:", ""]
    lines += [f"- `{name}`: {reason}." for name, (_, _, reason) in sorted(REFUSED.items())]
    lines += [f"- `{name}` {reason}." for name, (*_, reason) in sorted(PARTLY.items())]
    lines += ["", "### Functions", "", *_functions()]
    return "\n".join(lines) + "\n"


def _functions() -> list[str]:
    """Return the lists of ops that have a form in ONNX and of those that have none."""
    known = sorted(set(ROWS) - set(NO_FORM))
    reasons: dict[str, list[str]] = {}
    for op, reason in NO_FORM.items():
        reasons.setdefault(reason, []).append(op)
    lines = [f"{len(known)} functions and ops have a form in ONNX: {', '.join(known)}.", ""]
    lines += ["These have none:", ""]
    return lines + [f"- {', '.join(sorted(ops))}: {reason}." for reason, ops in reasons.items()]
