"""The commands and their options."""

from __future__ import annotations

import json
import pathlib
from typing import Annotated

import typer

from rushlight._version import __version__
from rushlight.cli.train import train

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Deep learning on NumPy and SciPy, with PyTorch's semantics.",
)
app.add_typer(train, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rushlight {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def info() -> None:
    """Print versions, extras, kernels, threads and where data lies."""
    from rushlight.cli.info import describe

    print(describe())


@app.command()
def check(
    paths: Annotated[
        list[pathlib.Path] | None,
        typer.Argument(metavar="PATH...", help="Python files, notebooks, or folders of them."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: a list for folders and several paths.")
    ] = False,
    html: Annotated[
        pathlib.Path | None, typer.Option(metavar="FILE", help="Write a page with small maps.")
    ] = None,
    as_csv: Annotated[
        bool,
        typer.Option(
            "--csv",
            help="Print a line for each file, a column for each layer; or write it to the PATH "
            "that ends in .csv or .tsv.",
        ),
    ] = False,
    lang: Annotated[
        str | None, typer.Option(metavar="en|ru", help="Language [default: of the locale].")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare with torch_like, practical_dl, Linear, torch_like.Linear, ... "
            "[default: by name and arguments].",
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="LAYER", help="Print a layer's formulas and an example instead."),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Check this layer only; may be given again."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, metavar="S", help="Seconds that a layer may take.")
    ] = None,
    memory: Annotated[
        float | None, typer.Option(min=0.1, metavar="GB", help="Memory that a file may take.")
    ] = None,
    second_opinion: Annotated[
        bool,
        typer.Option(
            "--second-opinion", help="Ask the installed torch, too, what the right values are."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show all findings, with their identifiers.")
    ] = False,
) -> None:
    """Check hand-written layers: which gradient is wrong, and why.

    Exit code: 0 all right, 1 defects or layers not checked, 2 nothing could be checked.
    """
    from rushlight.cli.check import check_paths, explain_layer, language
    from rushlight.cli.mistake import Mistake

    speech = language(lang)
    if explain is not None:
        if paths or as_json or html or as_csv or layer:
            raise Mistake("--explain goes with --like and --lang only; leave the rest out")
        explain_layer(explain, speech, like)
        return
    code = check_paths(
        paths or [],
        as_json_text=as_json,
        html=html,
        table=as_csv,
        lang=speech,
        like=like,
        layers=layer or [],
        timeout=timeout,
        memory=memory,
        second_opinion=second_opinion,
        verbose=verbose,
    )
    if code:
        raise typer.Exit(code)


@app.command()
def summary(
    model: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:NAME|MODULE:NAME",
            help="A model, or a class or function that makes one, with literals as arguments: "
            "'unet.py:UNet(channels=3)'. The file is run to find it.",
        ),
    ],
    input: Annotated[
        list[str],
        typer.Option(
            "--input",
            metavar="SHAPE",
            help="1x3x64x64, ?x28x28 for any batch, 2x7:int64 or src=2x7; may be given again.",
        ),
    ],
    depth: Annotated[
        int | None, typer.Option(min=0, help="Levels of layers to tell apart [default: all].")
    ] = None,
    svg: Annotated[
        pathlib.Path | None, typer.Option(metavar="FILE", help="Write the drawing of the graph.")
    ] = None,
    html: Annotated[
        pathlib.Path | None, typer.Option(metavar="FILE", help="Write a page with both.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print rows, totals and graph as JSON instead.")
    ] = False,
) -> None:
    """Print a model's layers, shapes and parameters; draw its graph."""
    from rushlight.cli import summary as command
    from rushlight.io import write_text

    shapes, dtypes = command.parse_inputs(input)
    found = command.load_model(model).summary(shapes, dtypes=dtypes, depth=depth)
    for path, text in ((svg, found.to_svg), (html, found.to_page)):
        if path is not None:
            write_text(path, text())
    if as_json:
        print(command.as_json(found))
    else:
        command.show(found)


@app.command()
def report(
    run: Annotated[
        pathlib.Path, typer.Argument(metavar="RUN", help="The out folder of a run, ended or not.")
    ],
) -> None:
    """Make a run's report.html anew from what lies in its folder."""
    from rushlight.cli import compare as command

    command.report(run)


@app.command()
def compare(
    runs: Annotated[
        list[pathlib.Path],
        typer.Argument(metavar="RUN RUN...", help="The out folders of two runs or more."),
    ],
    html: Annotated[
        pathlib.Path | None, typer.Option(metavar="FILE", help="Write a page with the curves.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Lay runs side by side: options that differ, figures, curves."""
    from rushlight.cli import compare as command

    command.compare(runs, html, as_json)


Run = Annotated[pathlib.Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


@app.command()
def evaluate(
    run: Run,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="'test' for the test part of the run's data; or a CSV file, a folder of MNIST "
            "files or of images, as the recipe takes it.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Print the figures of a run's best weights over other data."""
    from rushlight.cli.recipes import finished
    from rushlight.cli.train import recipe_named

    recipe, opened = finished.open_run(run, recipe_named)
    found = finished.evaluate(recipe, opened, data)
    if as_json:
        print(json.dumps(found))
    else:
        width = max(map(len, found))
        print("\n".join(f"{name:<{width}}  {value:.6g}" for name, value in found.items()))


@app.command()
def predict(
    run: Run,
    input: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="INPUT", help="A CSV file, images, or a folder of them, as the recipe takes it."
        ),
    ],
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="PATH",
            help="Write there: CSV, .npy, or images into a folder [default: print as CSV].",
        ),
    ] = None,
) -> None:
    """Apply a run's best weights to new data."""
    from rushlight.cli.recipes import finished
    from rushlight.cli.train import recipe_named

    recipe, opened = finished.open_run(run, recipe_named)
    print(recipe.predict(opened, input, out).rstrip())


@app.command()
def export(
    run: Run,
    out: Annotated[
        pathlib.Path, typer.Option(metavar="PATH", help="The folder (numpy) or file to write.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="numpy|onnx|pt|safetensors",
            help="numpy: a folder that needs NumPy only; onnx: a file for onnxruntime and others; "
            "pt, safetensors: the weights alone.",
        ),
    ] = "numpy",
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="numpy: weights in one byte each, calibrated by training data."
        ),
    ] = False,
    int8_weights_only: Annotated[
        bool, typer.Option("--int8-weights-only", help="As --int8, the activations in float32.")
    ] = False,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Training samples that calibrate [default: 1024].")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take the place of an earlier export.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Write a run's best weights for use elsewhere: NumPy alone, ONNX, torch, safetensors."""
    from rushlight.cli import export as command

    mode = "weights" if int8_weights_only else "all" if int8 else ""
    command.export_run(run, out, to, mode, samples, overwrite, as_json)
