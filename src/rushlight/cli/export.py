"""`rushlight export`: the net of a finished run for use without the run, or without Rushlight."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import rushlight
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes import finished
from rushlight.cli.train import recipe_named
from rushlight.errors import explain

__all__ = ["export_run"]

_ENDINGS = {"numpy": "", "onnx": ".onnx", "pt": ".pt", "safetensors": ".safetensors"}
_SAMPLES, _BATCH = 1024, 64


def export_run(
    folder: pathlib.Path,
    out: pathlib.Path,
    kind: str,
    int8: str = "",
    samples: int | None = None,
    overwrite: bool = False,
    as_json: bool = False,
) -> None:
    """Write the net of a run and print what was written.

    Args:
        folder: the run's folder.
        out: the folder or file to write.
        kind: "numpy", "onnx", "pt" or "safetensors".
        int8: "", "all" (weights and activations) or "weights"; for numpy.
        samples: how many training samples calibrate int8; default 1024.
        overwrite: take the place of an earlier export.
        as_json: print JSON in place of lines.

    Raises:
        Mistake: for options that do not go together, and folders that are no run.
    """
    _check(out, kind, int8, samples, overwrite)
    recipe, run = finished.open_run(folder, recipe_named)
    if kind == "numpy":
        report = _numpy(recipe, run, out, int8, samples or _SAMPLES, overwrite)
    elif kind == "onnx":
        report = _onnx(recipe.served(run), recipe.example(run), out)
    else:
        state: dict[str, Any] = run.trainer.model.state_dict()
        options: dict[str, Any] = {"format": "torch"} if kind == "pt" else {}
        rushlight.save(state, out, **options)
        report = {"weights": len(state)}
    found = {"format": kind, "path": os.fspath(out), **report}
    text = found.pop("text", f"{out}: {', '.join(f'{v} {k}' for k, v in report.items())}")
    print(json.dumps(found) if as_json else text)


def _check(out: pathlib.Path, kind: str, int8: str, samples: int | None, overwrite: bool) -> None:
    """Refuse a wrong use before anything is read."""
    if kind not in _ENDINGS:
        raise Mistake(explain("--format", got=repr(kind), expected=f"one of {', '.join(_ENDINGS)}"))
    if int8 and kind != "numpy":
        raise Mistake(explain("--int8", got=f"--format {kind}", expected="--format numpy"))
    if samples is not None and not int8:
        raise Mistake(explain("--samples", got="no --int8", expected="--int8: they calibrate it"))
    ending = _ENDINGS[kind]
    if ending and out.suffix != ending:
        fix = f"add the ending: {out}{ending}"
        raise Mistake(explain("--out", got=repr(out.name), expected=f"a file {ending}", fix=fix))
    parent = out.absolute().parent
    if not parent.is_dir():
        expected = "a folder that exists"
        raise Mistake(explain("--out", got=f"no folder {str(parent)!r}", expected=expected))
    if kind != "numpy" and out.exists() and (out.is_dir() or not overwrite):
        got = f"{'a folder' if out.is_dir() else 'a file'} that is there: {str(out)!r}"
        fix = "" if out.is_dir() else "pass --overwrite, or another path"
        raise Mistake(explain("--out", got=got, expected="a new file", fix=fix))


def _numpy(
    recipe: Any, run: Any, out: pathlib.Path, int8: str, samples: int, overwrite: bool
) -> dict[str, Any]:
    from rushlight import serve
    from rushlight.serve.folder import refuse_existing

    try:
        refuse_existing(out, overwrite)
    except FileExistsError as error:
        raise Mistake(str(error)) from None
    example, data = recipe.example(run), None
    if int8:
        data = list(_batches(recipe.calibration(run), samples))
        example = data[0][0][:2]  # what the net is made for, rather than noise
    report = serve.export(
        recipe.served(run), example, out, int8=data, int8_activations=int8 == "all",
        overwrite=overwrite, names=["x"], notes=recipe.preparing(run),
    )  # fmt: skip
    return {**dataclasses.asdict(report), "text": str(report)}


def _batches(data: Any, count: int) -> Iterator[tuple[Any, Any]]:
    """Yield the first samples of a data set, or of a pair (X, y), in batches."""
    if isinstance(data, tuple):
        for start in range(0, min(count, len(data[0])), _BATCH):
            rows = slice(start, min(start + _BATCH, count))
            yield np.asarray(data[0][rows]), np.asarray(data[1][rows])
        return
    count = min(count, len(data))
    for start in range(0, count, _BATCH):
        pairs = [data[i] for i in range(start, min(start + _BATCH, count))]
        x, y = ([np.asarray(part) for part in parts] for parts in zip(*pairs, strict=True))
        yield np.stack(x), np.stack(y)


def _onnx(model: Any, example: Any, out: pathlib.Path) -> dict[str, Any]:
    from rushlight import onnx

    write: Any = onnx.export  # type: ignore[attr-defined, unused-ignore]
    noise = rushlight.from_numpy(np.asarray(example, np.float32))  # few runtimes have float64
    report = write(model, noise, out, input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    return {"text": f"{out}\n{report}".rstrip(), "report": str(report)}
