"""Files as students write them."""

import json
import pathlib

import pytest


def notebook(*cells, counts=None, **metadata):
    """Return the text of a notebook of code cells."""
    counts = counts or [None] * len(cells)
    return json.dumps(
        {
            "nbformat": 4,
            "metadata": metadata,
            "cells": [
                {"cell_type": "markdown", "source": ["# Homework"]},
                *(
                    {
                        "cell_type": "code",
                        "source": cell.splitlines(keepends=True),
                        "execution_count": count,
                    }
                    for cell, count in zip(cells, counts, strict=True)
                ),
            ],
        }
    )


@pytest.fixture
def student(tmp_path):
    """Write a file: of its name and text, or of the cells of a notebook."""
    folder = tmp_path / "домашка"
    folder.mkdir()

    def write(name, *texts, encoding="utf-8", **options) -> pathlib.Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = notebook(*texts, **options) if name.endswith(".ipynb") else texts[0]
        path.write_bytes(text.encode(encoding))
        return path

    return write
