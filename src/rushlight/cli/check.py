"""What `rushlight check` does: files are collected, checked one by one, and reported on."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TextIO

from rushlight.check.findings import FileReport
from rushlight.check.loading import student_files
from rushlight.check.loading.source import SUFFIXES
from rushlight.check.report import as_csv, as_json, as_page, as_text, overview
from rushlight.check.report.plain import plainer
from rushlight.check.report.terminal import style_of, width_of
from rushlight.check.report.words import default_language, word
from rushlight.cli.mistake import Mistake
from rushlight.errors import explain
from rushlight.io import atomic_write
from rushlight.pages import one_line

__all__ = ["check_paths", "explain_layer", "language"]

NOTHING = 2  # the exit code where nothing could be checked
INTERRUPTED = 130

_TABLES = (".csv", ".tsv")
_PAGES = (".html", ".htm")


def language(wanted: str | None) -> str:
    """Return the language to speak: the one asked for, or one that can be shown.

    Raises:
        Mistake: a language that there is not.
    """
    if wanted not in (None, "en", "ru"):
        raise Mistake(explain("--lang", got=repr(wanted), expected="en or ru"))
    if wanted is not None:
        return wanted
    chosen = default_language()
    try:
        word("title", chosen).encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):  # a code page without Cyrillic
        return "en"
    return chosen


def explain_layer(layer: str, lang: str, like: str | None) -> None:
    """Print the formulas of a layer and a worked example.

    Raises:
        Mistake: a layer that is not known.
    """
    from rushlight.check.explain import explain as explanation

    try:
        text = explanation(layer, lang, like)
    except ValueError as error:
        raise Mistake(str(error)) from error
    _print(text)


def check_paths(
    paths: Sequence[pathlib.Path],
    *,
    as_json_text: bool = False,
    html: pathlib.Path | None = None,
    table: bool = False,
    lang: str = "en",
    like: str | None = None,
    layers: Sequence[str] = (),
    timeout: float | None = None,
    memory: float | None = None,
    second_opinion: bool = False,
    verbose: bool = False,
) -> int:
    """Check files and folders, print and write the reports, and return the exit code.

    Args:
        paths: files, folders, and with `table` the file to write it to (.csv or .tsv).
        as_json_text: print JSON and nothing else (default False).
        html: a page to write (default None).
        table: print, or write, a line for each file with a column for each layer.
        lang: "en" or "ru".
        like: what the layers are compared with (default None: by their names).
        layers: names of the layers to check (default: all).
        timeout: seconds of a layer (default None: that of `check_file`).
        memory: gigabytes of a file (default None: that of `check_file`).
        second_opinion: whether the installed torch is asked, too (default False).
        verbose: all findings, with the identifiers of check and cause.

    Raises:
        Mistake: a path or option that does not serve; before anything is checked.
    """
    sink, sources = _outputs(paths, table)
    if as_json_text and table and sink is None:
        raise Mistake("--json and --csv cannot share stdout; name a file: --csv marks.csv")
    files = _files(sources)
    _try_writing(html, _PAGES, "--html")
    _try_writing(sink, _TABLES, "--csv")
    several = len(sources) > 1 or any(source.is_dir() for source in sources)
    quiet = as_json_text or (table and sink is None)

    limits = {"timeout": timeout, "memory": memory}
    results = _results(files, like, layers=layers, second_opinion=second_opinion, **limits)
    reports: list[FileReport] = []
    interrupted = False
    try:
        for number, path in enumerate(files, 1):
            with _progress(number, len(files), path, several):
                reports.append(next(results))
            if not quiet:
                _show(reports[-1], lang, verbose, last=number == len(files) and not several)
    except KeyboardInterrupt:
        interrupted = True
        results.close()
    if as_json_text:
        print(as_json(reports if several or not reports else reports[0], lang), flush=True)
    elif several and not quiet:
        _print(overview(reports, lang, width=width_of(sys.stdout)))
    _write(reports, html, sink, table, lang)
    for name in _missing(reports, layers):
        _say(explain("--layer", got=repr(name), expected="a class or function of the file"))
    if interrupted:
        _say(word("interrupted", lang))
        return INTERRUPTED
    return exit_code(reports) or (NOTHING if _missing(reports, layers) else 0)


def exit_code(reports: Sequence[FileReport]) -> int:
    """Return 0 if all is right, 1 with defects or files that failed, 2 if nothing was checked.

    A file of a folder that holds no layers, and has no problem either, does not count.

    Example:
        >>> exit_code([FileReport("helpers.py")])
        2
    """
    codes = {report.exit_code for report in reports if report.layers or report.problems}
    return codes.pop() if len(codes) == 1 else NOTHING if not codes else 1


def _outputs(
    paths: Sequence[pathlib.Path], table: bool
) -> tuple[pathlib.Path | None, list[pathlib.Path]]:
    """Tell the file of the table from what is to be checked."""
    sinks = [path for path in paths if path.suffix.lower() in _TABLES]
    if sinks and not table:
        raise Mistake(
            explain(
                "check",
                got=repr(str(sinks[0])),
                expected="a .py or .ipynb file, or a folder",
                fix="a table is written by --csv FILE",
            )
        )
    if len(sinks) > 1:
        raise Mistake(explain("--csv", got=f"{len(sinks)} files", expected="one"))
    sources = [path for path in paths if path not in sinks]
    if not sources:
        raise Mistake(
            explain(
                "check",
                got="no path",
                expected="a .py or .ipynb file, or a folder",
                fix="--help shows the options",
            )
        )
    return (sinks[0] if sinks else None), sources


def _files(sources: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """Return the files to check, those of folders in the order of their names, each once."""
    found: dict[str, pathlib.Path] = {}
    for source in sources:
        for path in [*_below(source)] if source.is_dir() else [_file(source)]:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _file(path: pathlib.Path) -> pathlib.Path:
    got, fix = repr(str(path)), ""
    if not path.exists():
        got, fix = f"{got}, which does not exist", "check the spelling of the path"
    elif path.is_file() and path.suffix.lower() in SUFFIXES:
        return path
    raise Mistake(explain("check", got=got, expected="a .py or .ipynb file, or a folder", fix=fix))


def _below(folder: pathlib.Path) -> list[pathlib.Path]:
    found = list(student_files(folder, _unreadable))
    if not found:
        raise Mistake(
            explain(
                "check",
                got=f"the folder {str(folder)!r} without any",
                expected=".py or .ipynb files in it",
            )
        )
    return found


def _unreadable(error: OSError) -> None:
    _say(f"warning: {error.filename}: {error.strerror}")


class _Trial(Exception):
    """Ends the trial of a file that is to be written later."""


def _try_writing(path: pathlib.Path | None, suffixes: Sequence[str], option: str) -> None:
    """Find out before the work whether its result can be written."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:  # a student's file, left over by a forgotten argument
        raise Mistake(
            explain(option, got=repr(str(path)), expected=f"a name in {' or '.join(suffixes)}")
        )
    try:
        with contextlib.suppress(_Trial), atomic_write(path):
            raise _Trial
    except OSError as error:
        raise Mistake(error.strerror or str(error)) from error


def _results(
    files: Sequence[pathlib.Path], like: str | None, **options: Any
) -> Generator[FileReport]:
    from rushlight.check.file import check_files

    try:
        return check_files(files, like, **options)
    except (ValueError, ImportError) as error:  # of `like`, a limit or a second opinion
        raise Mistake(str(error)) from error


@contextlib.contextmanager
def _progress(number: int, total: int, path: pathlib.Path, several: bool) -> Iterator[None]:
    """Say on stderr what is being checked: in a terminal on a line that goes away again."""
    text = f"[{number}/{total}] {one_line(path)}"
    out = sys.stderr
    if not _live(out):
        if several:
            _say(text, prefix="")
        yield
        return
    text = text[: max(width_of(out) - 1, 10)]
    out.write(f"\r{plainer(text, out.encoding)}")
    out.flush()
    try:
        yield
    finally:
        out.write(f"\r{' ' * len(text)}\r")
        out.flush()


def _live(stream: TextIO) -> bool:
    return stream is not None and stream.isatty()  # None where the caller has closed it


def _show(report: FileReport, lang: str, verbose: bool, last: bool) -> None:
    out = sys.stdout
    text = as_text(report, lang, width=width_of(out), colour=style_of(out), verbose=verbose)
    _print(text if last else f"{text}\n")


def _print(text: str) -> None:
    print(plainer(text, getattr(sys.stdout, "encoding", None)), flush=True)


def _say(text: str, prefix: str = "rushlight: ") -> None:
    if sys.stderr is not None:
        print(plainer(f"{prefix}{text}", sys.stderr.encoding), file=sys.stderr, flush=True)


def _write(
    reports: Sequence[FileReport],
    html: pathlib.Path | None,
    sink: pathlib.Path | None,
    table: bool,
    lang: str,
) -> None:
    """Write the page and the table, or print the table."""
    if html is not None:
        _replace(html, as_page(reports, lang).encode("utf-8"))
    if sink is not None:
        tabs = sink.suffix.lower() == ".tsv"
        delimiter = "\t" if tabs else ";" if lang == "ru" else ","  # as spreadsheets there expect
        _replace(sink, as_csv(reports, lang, delimiter=delimiter).encode("utf-8-sig"))
    elif table:
        print(as_csv(reports, lang), end="", flush=True)


def _replace(path: pathlib.Path, data: bytes) -> None:
    try:
        with atomic_write(path) as file:
            file.write(data)
    except OSError as error:
        raise Mistake(error.strerror or str(error)) from error


def _missing(reports: Sequence[FileReport], layers: Sequence[str]) -> list[str]:
    """Return the layers asked for that no file has."""
    found = {la.name for report in reports for la in report.layers if la.reason != "absent"}
    return [name for name in layers if name not in found] if reports else []
