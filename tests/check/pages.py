"""The page docs/checker-causes.md: identifiers that the checker writes, and what they mean.

`python -m tests.check.pages` prints it, `--write` renews the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from rushlight.check.texts import CAUSES, CHECKS, REASONS, Text, title
from rushlight.check.texts.tables import GROUPS
from rushlight.check.texts.text import fill

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "checker-causes.md"

HEAD = """# What the checker reports

Made by `python -m tests.check.pages --write`; a test fails when it is not current. Do not edit.

`rushlight check --json` names what it has tested, the likely cause and, for a layer that could not
be checked, the reason by the identifiers below. They stay what they are from version to version;
the messages and hints, in English and in Russian, may become better.
"""

CAUSE_NOTE = """\
The first finding of a layer is its likeliest root. `unexplained` is a defect, too: the numbers are
wrong, and none of the hypotheses that were tried gives them. Those marked (note) leave the status
of a layer ok.
"""

NOTES = frozenset({"dtype_changed", "warning_raised", "dialect_convention"})


def page() -> str:
    """Return the page."""
    parts = [HEAD, f"## Causes\n\n{CAUSE_NOTE}"]
    for heading, group in GROUPS.values():
        parts.append(f"### {heading['en']}\n\n" + "\n".join(_causes(tuple(group))) + "\n")
    parts.append("## Checks\n\n" + "\n".join(_table("check", CHECKS)) + "\n")
    parts.append("## Reasons\n\nWhy a layer was left out, or could not be checked.\n")
    parts.append("\n".join(_table("reason", REASONS)) + "\n")
    return "\n".join(parts)


def _causes(names: tuple[str, ...]) -> Iterator[str]:
    yield "| cause | in short | what it means |"
    yield "|---|---|---|"
    for name in names:
        note = " (note)" if name in NOTES else ""
        yield f"| `{name}`{note} | {_cell(title(name))} | {_cell(CAUSES[name]['en'])} |"


def _table(heading: str, table: Mapping[str, Text]) -> Iterator[str]:
    yield f"| {heading} | what it means |"
    yield "|---|---|"
    for name, text in table.items():
        yield f"| `{name}` | {_cell(fill(text['en'], {}))} |"


def _cell(text: str) -> str:
    """Return a text as a cell of a table: | and * mean themselves."""
    return text.replace("|", "\\|").replace("*", "\\*")


def main() -> None:
    """Print the page or write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.check.pages", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew docs/checker-causes.md")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())


if __name__ == "__main__":
    main()
