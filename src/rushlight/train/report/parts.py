"""The parts of a run's page that are tables, figures and pictures."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import Any

from rushlight.train.columns import label
from rushlight.train.parts import is_number
from rushlight.train.report.graph import inline_svg
from rushlight.train.report.markup import name, section, table, text
from rushlight.train.report.run import Run, flat
from rushlight.train.report.values import aligned, duration, figure, number, plain

__all__ = [
    "again",
    "confusion",
    "figures",
    "headline",
    "model",
    "options",
    "pictures",
    "surroundings",
]

LARGE = 4  # figures that are shown large
CLASSES = 60  # of a confusion matrix that is shown whole
CONFUSIONS = 8
BROAD = 2.5  # times as wide as high is a picture that takes the whole width
_SHOWN = {"test", "best_epoch", "epochs", "seconds", "parameters", "seed", "confusion_matrix",
          "classes", "class_names", "title", "recipe", "interrupted", "stopped", "out",
          "checkpoint", "history", "curves"}  # fmt: skip


# ---- figures


def headline(run: Run) -> str:
    """Return the figures for which the run was made, large, and what it took, small."""
    test, best = run.test, run.best
    shown = {f"test {label(k)}": figure(k, v) for k, v in _by_weight(test)[:LARGE]}
    if not shown:
        held = {k: v for k, v in best.items() if k.startswith("val_") and math.isfinite(v)}
        part = "validation"
        if not held:
            held = {k: v for k, v in best.items() if k.startswith("train_") and math.isfinite(v)}
            part = "training"
        bare = {k.partition("_")[2]: v for k, v in held.items()}
        shown = {f"{part} {label(k)}": figure(k, v) for k, v in _by_weight(bare)[:LARGE]}
    large = "".join(
        f"<div><dt>{text(title)}</dt><dd>{text(value)}</dd></div>" for title, value in shown.items()
    )
    small = "".join(
        f"<div><dt>{text(title)}</dt><dd>{text(value)}</dd></div>"
        for title, value in _facts(run).items()
    )
    return (f'<dl class="large">{large}</dl>' if large else "") + (
        f'<dl class="facts">{small}</dl>' if small else ""
    )


def _by_weight(figures: dict[str, float]) -> list[tuple[str, float]]:
    """Return figures in their order, the loss last: it is rarely what a run is for."""
    return sorted(figures.items(), key=lambda item: item[0] == "loss")


def _facts(run: Run) -> dict[str, str]:
    """Return what the run took."""
    found = {}
    if run.records:
        count = len(run.records)
        best = "" if run.best_epoch is None else f", best {run.best_epoch}"
        found["epochs"] = f"{count:,}{best}"
    seconds = run.result.get("seconds")
    if not is_number(seconds):
        seconds = sum(s for s in (r.get("seconds", 0.0) for r in run.records) if math.isfinite(s))
    if seconds:
        found["time"] = duration(seconds)
    parameters = run.result.get("parameters")
    if not is_number(parameters) and run.summary:
        parameters = _count(run.summary.get("trainable")) + _count(run.summary.get("frozen"))
    if is_number(parameters) and parameters:
        found["parameters"] = number(parameters)
    if is_number(run.summary.get("multiply_adds")):
        found["multiply-adds"] = _large(run.summary["multiply_adds"])
    seed = run.result.get("seed", run.options.get("seed"))
    if seed is not None:
        found["seed"] = plain(seed)
    return found


def _large(count: float) -> str:
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return number(count)


def figures(run: Run) -> str:
    """Return the test figures beside those of training and validation at the best epoch."""
    test, best = run.test, run.best
    held = {k.removeprefix("val_"): v for k, v in best.items() if k.startswith("val_")}
    names = [k for k, _ in _by_weight(test or held)]
    if not names:
        return ""
    columns = []
    for part, found in (("training", "train_"), ("validation", "val_"), ("test", "")):
        values = {
            k: (test.get(k) if not found else best.get(found + k, best.get(found + _under(k))))
            for k in names
        }
        if any(value is not None for value in values.values()):
            columns.append((part, values))
    rows = []
    for key in names:
        known = [v for _, values in columns if (v := values[key]) is not None]
        texts = iter(aligned(known))
        rows.append(
            [text(label(key))]
            + ["-" if values[key] is None else text(next(texts)) for _, values in columns]
        )
    said = f"Training and validation at epoch {best['epoch']:g}" if best else ""
    if said:
        said += f"{', the best' if run.best_epoch else ''}."
    said += _again(run) if test else ""
    note = f'<p class="small soft">{said.strip()}</p>' if said else ""
    head = ["", *(part for part, _ in columns)]
    return section("Figures", table(head, rows, caption="Figures", kind="numbers"), note)


def _again(run: Run) -> str:
    """Return the sentence on a second training, whose net was tested."""
    found = run.result.get("refit")
    known: dict[str, Any] = found if isinstance(found, dict) else {}
    counts = [known.get("samples"), known.get("epochs")]
    if not all(map(is_number, counts)):
        return ""
    samples, epochs = (number(float(count or 0)) for count in counts)
    plural = "s" * (epochs != "1")
    return f" Test: of a net trained anew on {samples} samples for {epochs} epoch{plural}."


def _under(key: str) -> str:
    return key.replace(".", "_")


# ---- the confusion matrix


def confusion(run: Run) -> str:
    """Return the confusion matrix as a table, and which classes were most often confused."""
    matrix = run.result.get("confusion_matrix")
    if matrix is None:
        return ""
    if not _is_matrix(matrix):
        run.broken.append("result.json: its confusion_matrix is no square of counts")
        return ""
    named = run.result.get("classes", run.result.get("class_names"))
    size = len(matrix)
    fits = isinstance(named, list) and len(named) == size
    names = [str(n) for n in named] if fits and named else [str(i) for i in range(size)]
    parts = []
    if size <= CLASSES:
        parts.append(_matrix(matrix, names))
    else:
        parts.append(f"<p>{size} classes are too many for a table; it is in result.json.</p>")
    parts.append(_confused(matrix, names))
    return section("Confusion matrix", f'<div class="beside">{"".join(parts)}</div>')


def _is_matrix(matrix: Any) -> bool:
    return (
        isinstance(matrix, list)
        and bool(matrix)
        and all(isinstance(row, list) and len(row) == len(matrix) for row in matrix)
        and all(is_number(v) and math.isfinite(v) and v >= 0 for row in matrix for v in row)
    )


def _matrix(matrix: list[list[float]], names: Sequence[str]) -> str:
    rows = []
    for i, (own, counts) in enumerate(zip(names, matrix, strict=True)):
        total = sum(counts)
        cells = "".join(_cell(n, total, own, names[j], i == j) for j, n in enumerate(counts))
        share = f"{100 * counts[i] / total:.1f} %" if total else "-"
        last = f'<td class="sum">{share}</td>'
        rows.append(f'<tr><th scope="row">{name(own)}</th>{cells}{last}</tr>\n')
    heads = "".join(f'<th scope="col">{name(n)}</th>' for n in names)
    first = '<th scope="col"><span class="soft">true \\ predicted</span></th>'
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="Confusion matrix">'
        '<table class="matrix"><caption class="unseen">Rows: the true class; columns: the '
        f"predicted one</caption><thead><tr>{first}{heads}"
        f'<th scope="col">recall</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>\n'
    )


def _cell(count: float, total: float, own: str, other: str, right: bool) -> str:
    said = f"{text(own)} taken for {text(other)}"
    return (
        f'<td class="{"right" if right else "wrong"}" title="{said}" '
        f'style="--s:{_strength(count, total, right)}">{number(count) if count else "·"}</td>'
    )


def _strength(count: float, total: float, right: bool) -> str:
    """Return how strongly a cell is coloured; a mistake of one in ten has its full colour."""
    share = count / total if total else 0.0
    return f"{min(1.0, share if right else math.sqrt(10 * share)):.2f}"


def _confused(matrix: list[list[float]], names: Sequence[str]) -> str:
    pairs = sorted(
        ((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if n and i != j),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    if not pairs:
        return '<p class="soft">No sample was taken for another class.</p>'
    items = "".join(
        f"<li>{name(names[i])} taken for {name(names[j])}: {number(n)}</li>"
        for n, i, j in pairs[:CONFUSIONS]
    )
    return f'<div><h3>Most often confused</h3><ol class="confused">{items}</ol></div>'


# ---- the model


def model(run: Run) -> str:
    """Return the table of the layers and the drawing of the graph."""
    rows = run.summary.get("rows")
    parts = []
    if isinstance(rows, list) and rows:
        parts.append(_layers([row for row in rows if isinstance(row, dict)]))
        parts.append(_totals(run.summary))
    elif run.summary:
        run.broken.append("summary.json holds no rows of layers")
    if run.graph:
        drawing = inline_svg(run.graph)
        if drawing is None:
            run.broken.append("graph.svg holds no drawing")
        else:
            parts.append(
                '<details data-print><summary>Drawing of the graph</summary><div class="drawing" '
                f'tabindex="0" role="region" aria-label="Drawing of the graph">{drawing}</div>'
                "</details>"
            )
    return section("Model", *parts)


def _layers(rows: Sequence[dict[str, Any]]) -> str:
    cells = []
    for row in rows:
        depth = min(_count(row.get("depth")), 12)
        own = str(row.get("path") or "").rpartition(".")[2]
        remarks = [f"called {row['calls']} times"] if _count(row.get("calls")) > 1 else []
        frozen = _count(row.get("frozen"))
        remarks += [f"{frozen:,} frozen"] if frozen else []
        remarks += [str(row["note"])] if row.get("note") else []
        said = f' <small class="soft">{text(", ".join(remarks))}</small>' if remarks else ""
        first = f'<span class="deep" style="--d:{depth}"><b>{name(own)}</b> {name(row.get("kind"))}'
        parameters = _count(row.get("trainable")) + frozen
        cells.append(
            [
                f"{first}{said}</span>",
                text(row.get("output") or "-"),
                _or_dash(parameters),
                _or_dash(_count(row.get("multiply_adds"))),
            ]
        )
    head = ["layer", "output shape", "parameters", "multiply-adds"]
    shown = table(head, cells, caption="Layers of the model", kind="layers")
    if len(rows) <= 40:
        return shown
    count = f"{len(rows)} layers"
    return f"<details open data-print class='tall'><summary>{count}</summary>{shown}</details>"


def _or_dash(count: int) -> str:
    return f"{count:,}" if count else '<span class="soft">-</span>'


def _totals(summary: dict[str, Any]) -> str:
    trainable, frozen = _count(summary.get("trainable")), _count(summary.get("frozen"))
    parts = [f"{trainable + frozen:,} parameters"]
    if frozen:
        parts.append(f"of these {frozen:,} frozen")
    parts.append(f"{_count(summary.get('multiply_adds')):,} multiply-adds")
    given = text(summary.get("input") or "")
    return f'<p class="small soft">{", ".join(parts)}{f"; input {given}" if given else ""}.</p>'


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


# ---- pictures, configuration, environment, the way to run it again


def pictures(run: Run) -> str:
    """Return the pictures with their captions; a click shows one large."""
    found = []
    for picture in run.pictures:
        size = f' width="{picture.size[0]}" height="{picture.size[1]}"' if picture.size else ""
        broad = picture.size is not None and picture.size[0] >= BROAD * picture.size[1]
        title = text(picture.title)
        found.append(
            f'<figure class="picture{" broad" if broad else ""}"><button type="button" '
            f'class="open" aria-label="Enlarge: {title}"><img src="{picture.data}"{size} '
            f'alt="{title}"></button><figcaption><b>{title}</b> {text(picture.caption)}'
            "</figcaption></figure>\n"
        )
    shown = f'<div class="pictures">{"".join(found)}</div>' if found else ""
    return section("Pictures", shown)


def options(run: Run) -> str:
    """Return the configuration."""
    given = {label_of(key): value for key, value in run.options.items()}
    facts = {k: v for k, v in flat(run.result).items() if k.split(".")[0] not in _SHOWN}
    facts = {k: v for k, v in facts.items() if k not in run.options and not isinstance(v, list)}
    return section(
        "Configuration",
        _pairs(given, "Options"),
        "<h3>Also recorded</h3>"
        + _pairs({label_of(k): v for k, v in facts.items()}, "Also recorded")
        if facts
        else "",
    )


def label_of(key: str) -> str:
    """Return the name of an option as words."""
    return key.replace("_", " ")


def surroundings(run: Run) -> str:
    """Return versions, platform and seed."""
    seed = run.result.get("seed", run.options.get("seed"))
    found = {label_of(key): value for key, value in run.environment.items()}
    return section(
        "Environment", _pairs(found | ({} if seed is None else {"seed": seed}), "Environment")
    )


def _pairs(values: dict[str, Any], caption: str) -> str:
    if not values:
        return ""
    items = "".join(
        f"<div><dt>{text(key)}</dt><dd>{text(plain(value))}</dd></div>"
        for key, value in values.items()
    )
    return f'<dl class="pairs" aria-label="{caption}">{items}</dl>\n'


def again(run: Run) -> str:
    """Return the command that makes the run again."""
    if not run.recipe:
        return ""
    config = shlex.quote(str(run.folder / "config.toml"))
    command = f"rushlight train {shlex.quote(run.recipe)} --config {config}"
    return section("Run it again", f'<pre class="command"><code>{text(command)}</code></pre>')
