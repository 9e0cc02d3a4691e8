"""Runs side by side: what differs, what is best, in a terminal, as JSON and as a page."""

import json

import pytest
from tests.train.report import samples
from tests.train.report.test_page import Reader

from rushlight.train.report import as_comparison_page, as_record, as_text, compare_runs


@pytest.fixture
def three(tmp_path):
    """Three runs of one recipe."""
    sgd = {"lr": 0.05, "optimizer": "sgd", "momentum": 0.9}
    test = {"accuracy": 0.9903, "loss": 0.0311}
    return [
        samples.write_run(tmp_path / "adam", count=5),
        samples.write_run(tmp_path / "sgd", count=9, options=sgd, result={"test": test}),
        samples.write_run(tmp_path / "again", count=5, options={"seed": 1}),
    ]


def test_what_differs_and_what_is_best(three):
    found = compare_runs(three)
    assert found.names == ("adam", "sgd", "again")
    assert found.different == {
        "epochs": ["5", "9", "5"],
        "optimizer": ["adam", "sgd", "adam"],
        "lr": ["0.002", "0.05", "0.002"],
        "seed": ["0", "0", "1"],
        "momentum": ["-", "0.9", "-"],
    }
    assert found.same["batch_size"] == "64"
    figures = {figure.title: figure for figure in found.figures}
    assert figures["test accuracy"].best == (0, 2)  # the higher ones
    assert figures["test loss"].best == (0, 2)  # the lower ones
    assert figures["epochs"].best == ()
    assert figures["time"].texts() == ["6.5 s", "11.7 s", "6.5 s"]
    assert not found.told


def test_the_table_for_a_terminal(three):
    text = as_text(compare_runs(three))
    lines = text.splitlines()
    assert lines[0].split() == ["adam", "sgd", "again"]
    accuracy = next(line for line in lines if line.startswith("  test accuracy"))
    assert accuracy.split() == ["test", "accuracy", "0.9924", "*", "0.9903", "0.9924", "*"]
    assert {len(line) for line in lines if line.endswith("*")} == {len(lines[0])}
    narrow = as_text(compare_runs(three), 40).splitlines()
    assert max(map(len, narrow)) <= 40
    assert sum(line.split() in (["adam"], ["sgd"], ["again"]) for line in narrow) == 3


def test_runs_of_different_recipes(tmp_path, three):
    other = samples.write_run(
        tmp_path / "other", recipe="tecator", names=("loss", "rmse_fat"),
        result={"test": {"loss": 0.001, "rmse_fat": 0.6}, "confusion_matrix": None},
    )  # fmt: skip
    found = compare_runs([three[0], other])
    figures = {figure.title: figure for figure in found.figures}
    assert found.different["recipe"] == ["mnist", "tecator"]
    assert figures["test loss"].best == ()  # of other data
    assert figures["test RMSE fat"].values == (None, 0.6)
    titles = [p.get("data-name") for p in Reader(as_comparison_page(found)).all("button")]
    assert titles.count("other") == 5  # loss and RMSE on both parts, and the rate


def test_missing_files_are_told(three):
    (three[1] / "config.toml").unlink()
    (three[2] / "result.json").write_text("{")
    found = compare_runs(three)
    assert found.told[0] == "sgd: without config.toml"
    assert found.told[1].startswith("again: result.json cannot be read")
    assert found.different == {"seed": ["0", "?", "1"]}
    assert "note: sgd: without config.toml" in as_text(found)
    assert "sgd: without config.toml" in Reader(as_comparison_page(found)).text


def test_json_holds_plain_values(three):
    record = json.loads(json.dumps(as_record(compare_runs(three)), allow_nan=False))
    assert record["different"] == ["epochs", "optimizer", "lr", "seed", "momentum"]
    assert record["runs"][1]["options"]["momentum"] == 0.9
    assert record["figures"][0] == {
        "name": "test accuracy",
        "values": [0.9924, 0.9903, 0.9924],
        "best": [0, 2],
    }


def test_the_page_has_the_best_marked_and_a_line_for_each_run(three):
    page = Reader(as_comparison_page(compare_runs(three)))
    assert page.row("test accuracy") == ["test accuracy", "best 0.9924", "0.9903", "best 0.9924"]
    assert page.row("momentum") == ["momentum", "-", "0.9", "-"]
    lines = [a for a in page.all("g") if a["class"].startswith("line")]
    assert len(lines) == 5 * 2 * 3  # charts, scales, runs
    assert {a["class"] for a in lines} == {"line c0", "line c1", "line c2"}


def test_names_are_told_apart(tmp_path, three):
    same = samples.write_run(tmp_path / "b" / "adam", count=2)
    assert compare_runs([three[0], same]).names == (f"{tmp_path.name}/adam", "b/adam")
    assert compare_runs([same, same]).names == ("adam", "adam (2)")


def test_more_runs_than_colours(three):
    page = Reader(as_comparison_page(compare_runs(three * 6)))
    looks = {a["class"] for a in page.all("g") if a["class"].startswith("line")}
    assert len(looks) == 18


def test_too_few_runs_and_folders_without_any(tmp_path, three):
    with pytest.raises(ValueError, match="compare: got 1 run, expected two runs or more"):
        compare_runs(three[:1])
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"got a folder without config.toml, .* and graph.svg"):
        compare_runs([three[0], tmp_path / "none"])
    with pytest.raises(FileNotFoundError, match="a path where nothing is"):
        compare_runs([three[0], tmp_path / "nowhere"])
