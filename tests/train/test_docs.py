"""The programs of docs/training.md run, one after another, and the page says what they do."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight.train import Event, FolderInUse, History, Switch

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
TEXT = PAGE.read_text("utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: Any) -> dict[str, Any]:
    """Return what the programs leave: their names, what they printed, and the folder."""
    folder, printed = tmp_path_factory.mktemp("page"), io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        for number, program in enumerate(re.findall(r"```python\n(.*?)```", TEXT, re.S)):
            for word, package in (("TensorBoard", "tensorboardX"), ("f1:", "sklearn")):
                if word in program:
                    pytest.importorskip(package)
            exec(compile(program, f"training.md, program {number}", "exec"), names)
    return {**names, "printed": printed.getvalue(), "folder": folder}


def test_programs_of_the_page(page: dict[str, Any]) -> None:
    history, printed = page["history"], page["printed"]
    assert isinstance(history, History)
    assert len(history) == 5
    assert page["second"].step == page["first"].step == 5 * 13  # nothing was trained twice
    assert re.search(r"^5 40 \d\.\d+$", printed, re.M)  # two batches are a step
    assert "'what': 'optimizer sgd:momentum=0.9, lr 0.01, loss huber'" in printed
    assert "'what': 'clip_norm 1'" in printed
    assert page["found"].suggestion is not None
    assert "layer '1' (Ratio), op div" in printed
    assert "learns" in str(page["look"])
    rows = (page["folder"] / "runs/inside/steps.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 * 13


def test_files_of_a_run(page: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    folder = page["folder"] / "runs" / "mine"
    table = TEXT[TEXT.index("| `best.safetensors`") :].partition("| `config.toml`")[0]
    names = re.findall(r"`([\w.]+\.(?:safetensors|json|csv|png))`", table)
    assert {"best.safetensors", "history.json", "history.csv", "curves.png"} == set(names)
    assert all((folder / name).exists() for name in names)
    states = [path.name for path in (folder / "last").iterdir()]
    assert 1 <= len(states) <= 2
    assert all(re.fullmatch(r"step-\d{8}\.ckpt", name) for name in states)


def test_the_page_names_all_events_in_order() -> None:
    assert re.findall(r"^\| `([A-Z_]+)` \|", TEXT, re.M) == [event.name for event in Event]
    assert re.findall(r"^\| `[A-Z_]+` \| `(\w+)\(", TEXT, re.M) == [e.value for e in Event]


def test_what_the_page_says_of_switches() -> None:
    for part in ("loss='mse'", "metric='mae'", "accumulate=2"):
        name, _, value = part.partition("=")
        with pytest.raises(ValueError, match="at_epoch"):
            Switch(at_step=3, **{name: 2 if value == "2" else value.strip("'")})
    for name, value in (("lr", 0.1), ("warmup", 1), ("clip_norm", 1), ("clip_value", 1)):
        assert not Switch(at_step=3, **{name: value}).done
    assert not Switch(at_step=3, schedule="linear", optimizer="sgd").done


def test_names_of_the_page_are_exported() -> None:
    for name in ("LiveCurves", "first_nonfinite", "Diagnostics", "CheckGradients", "find_lr"):
        assert name in TEXT
        assert hasattr(rl.train, name)
    assert issubclass(FolderInUse, OSError)
