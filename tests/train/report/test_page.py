"""The page of a run: complete in itself, well formed, harmless, honest about what is missing."""

import json
import math
import re
from html.parser import HTMLParser

import pytest
from tests.train.report import samples

from rushlight.pages import DARK, LIGHT
from rushlight.train.report import (
    as_comparison_page,
    as_page,
    compare_runs,
    load_run,
    style,
    write_report,
)

VOID = {"meta", "img", "br"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "div",
    "span", "h1", "h2", "h3", "p", "pre", "code", "bdi", "b", "small", "i", "button", "output",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure",
    "figcaption", "svg", "g", "path", "rect", "text", "img", "dl", "dt", "dd", "ul", "ol", "li",
    "dialog", "script",
}  # fmt: skip


class Reader(HTMLParser):
    """Reads a page, and checks that its tags are closed in the right order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.cells = [], [], "", []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open or "script" in self.open:
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.cells[-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def row(self, *begin):
        return next(row for row in self.cells if row[: len(begin)] == list(begin))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of all kinds."""
    folder = tmp_path_factory.mktemp("runs")
    made = {
        "whole": samples.write_run(
            folder / "whole", net=samples.model(), history={"switches": samples.SWITCHES}
        ),
        "one": samples.write_run(folder / "one", count=1, pictures=0),
        "nasty": samples.write_nasty(folder / "nasty"),
        "long": samples.write_run(folder / "long", count=5000, pictures=0),
        "nothing": folder / "nothing",
    }
    made["nothing"].mkdir()
    return made


def page_of(run):
    return Reader(as_page(load_run(run)))


# ---- the form


@pytest.mark.parametrize("name", ["whole", "one", "nasty", "long", "nothing", "several"])
def test_pages_are_well_formed_and_need_nothing_from_elsewhere(runs, name):
    if name == "several":
        text = as_comparison_page(compare_runs([runs["whole"], runs["nasty"], runs["one"]]))
    else:
        text = as_page(load_run(runs[name]))
    page = Reader(text)
    assert text.startswith("<!DOCTYPE html>\n")
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for tag, attributes in page.tags:
        assert not {each for each in attributes if each.startswith("on")}
        assert "href" not in attributes
        assert attributes.get("src", "data:").startswith("data:"), tag
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]{44}';", policy)
    named = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(named) == len({*named})
    labels = {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a}
    assert labels <= {*named}
    text.encode("utf-8")


def test_what_a_screen_reader_is_told(runs):
    page = page_of(runs["whole"])
    assert all(head["scope"] in ("col", "row") for head in page.all("th"))
    assert all(image.get("alt") is not None for image in page.all("img"))
    drawings = [svg for svg in page.all("svg") if "data-of" in svg]
    assert len(drawings) == 2 * 3  # loss, accuracy and rate, each on both scales
    assert all(svg["role"] == "img" for svg in page.all("svg"))
    rows = samples.records(12)
    told = f"loss over the epochs: training from {rows[0]['train_loss']:.4g} to"
    assert drawings[0]["aria-label"].startswith(told)
    assert drawings[0]["aria-label"].endswith("; best epoch 10")
    assert page.all("html") == [{"lang": "en"}]
    captions = page.all("caption")
    assert len(captions) == len(page.all("table"))


@pytest.mark.parametrize("name", ["nasty", "several"])
def test_what_stands_in_files_is_only_text(runs, name):
    if name == "several":
        text = as_comparison_page(compare_runs([runs["nasty"], runs["one"]]))
    else:
        text = as_page(load_run(runs["nasty"]))
    page = Reader(text)
    assert len(page.all("script")) == 2
    assert "<script>bad()</script>" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    assert json.loads(data)["charts"]


@pytest.mark.parametrize("colours", [(LIGHT, style._LIGHT_MORE), (DARK, style._DARK_MORE)])
def test_text_can_be_read_on_its_ground(colours):
    base, more = colours
    dark = base is DARK
    both = base | more
    for ink in ("ink", "soft", "link", "accent", "warn", "good"):
        assert contrast(both[ink], base["ground"]) >= 4.5, ink
    assert contrast(base["ink"], base["card"]) >= 4.5
    assert contrast(more["warn"], more["warn-ground"]) >= 4.5
    assert contrast(more["good"], more["good-ground"]) >= 4.5
    assert contrast(base["soft"], more["good-ground"]) >= 4.5
    lines = style._DARK_LINES if dark else style._LINES
    assert min(contrast(line, base["ground"]) for line in lines) >= 4.5  # their names are as thin
    for tint, strength in (("cell", 0.32), ("wrong", 0.3)):
        over = [int(c) for c in more[tint].split(",")]
        ground = channels(base["ground"])
        mixed = [g + strength * (o - g) for o, g in zip(over, ground, strict=True)]
        assert contrast(base["ink"], mixed) >= 4.5, tint


def channels(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]


def contrast(*colours):
    """Return the contrast of two colours as WCAG 2 defines it."""
    bright = []
    for colour in colours:
        parts = [c / 255 for c in (channels(colour) if isinstance(colour, str) else colour)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        bright.append(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(bright) + 0.05) / (min(bright) + 0.05)


# ---- what stands in it


def test_figures_and_what_the_run_took(runs):
    page = page_of(runs["whole"])
    for title, value in (
        ("test accuracy", "99.24 %"), ("test loss", "0.02468"), ("epochs", "12, best 10"),
        ("time", "15.6 s"), ("parameters", "206,922"), ("seed", "0"),
    ):  # fmt: skip
        assert f"{title}{value}" in page.text
    best = samples.records(12)[9]
    assert page.row("accuracy") == [
        "accuracy", f"{best['train_accuracy']:.4f}", f"{best['val_accuracy']:.4f}", "0.9924",
    ]  # fmt: skip


def test_the_confusion_matrix_and_the_most_frequent_mistakes(runs):
    page = page_of(runs["whole"])
    rows = [row for row in page.cells if row[-1].endswith(" %")]
    assert rows[4] == ["4", "1", *"···", "95", "1", *"···", "7", "91.3 %"]
    assert "9 taken for 4: 124 taken for 9: 7" in page.text


def test_layers_and_the_drawing(runs):
    page = page_of(runs["whole"])
    assert page.row("0 Conv2d") == ["0 Conv2d", "(4, 16, 28, 28)", "160", "451,584"]
    assert "206,922 parameters, 4,872,192 multiply-adds; input (4, 1, 28, 28)." in page.text
    assert any(svg.get("class") == "rlg" for svg in page.all("svg"))
    assert "rect" in {tag for tag, _ in page.tags}


def test_configuration_environment_and_the_command(runs):
    page = page_of(runs["whole"])
    for text in ("lr0.002", "augmentno", "train samples55,000", "numpy2.4.1", "threads2"):
        assert text in page.text
    config = runs["whole"] / "config.toml"
    assert f"rushlight train mnist --config {config}" in page.text


def test_switches_stand_on_the_charts_and_below(runs):
    page = page_of(runs["whole"])
    assert "before epoch 4: optimizer sgd, lr 0.01" in page.text
    lines = [a for a in page.all("path") if a.get("class") == "switch"]
    assert len(lines) == 3 * 6
    assert lines[0]["d"] == f"M{1000 * 2.5 / 11:.1f} 0V1000"  # halfway between epochs 3 and 4


def test_pictures_with_captions_are_in_the_page(runs):
    page = page_of(runs["whole"])
    pictures = [image for image in page.all("img") if "src" in image]
    assert [(p["alt"], p["width"]) for p in pictures] == [
        ("Worst mistakes 1", "60"),
        ("Worst mistakes 2", "120"),
    ]
    assert all(p["src"].startswith("data:image/png;base64,") for p in pictures)


def test_the_best_epoch_is_marked(runs):
    page = page_of(runs["whole"])
    places = {a["d"] for a in page.all("path") if a.get("class") == "best"}
    assert places == {f"M{1000 * 9 / 11:.1f} 0V1000"}
    assert "10 best" in [row[0] for row in page.cells]


def test_many_epochs_are_drawn_by_their_extremes_and_it_is_said(runs):
    text = as_page(load_run(runs["long"]))
    page = Reader(text)
    assert len(text) < 300_000
    assert "Of 5,000 epochs each line shows the first, the last and the extremes" in page.text
    assert "Table of 5,000 epochs: one in 20, the best and the last" in page.text
    assert page.row("4998 best")
    assert page.row("5000")
    line = next(a for a in page.all("path") if a.get("d", "").count("L") > 100)
    assert line["d"].count("L") <= 4 * 240


# ---- what is missing or broken


def test_an_unfinished_run_says_so_and_shows_its_curves(tmp_path):
    samples.write_run(tmp_path, pictures=0)
    for name in ("result.json", "config.toml"):
        (tmp_path / name).unlink()
    page = page_of(tmp_path)
    assert "ended before its test: there are no test figures yet." in page.text
    assert "validation accuracy" in page.text
    assert "configuration and environment (config.toml); test figures (result.json)" in page.text
    assert page.all("svg")


def test_why_a_run_ended(tmp_path):
    state = {"interrupted": True, "stopped": "val_loss has not improved for 5 epochs"}
    samples.write_run(tmp_path, count=3, history=state)
    text = page_of(tmp_path).text
    assert "Training was interrupted after 3 epochs." in text
    assert "Training stopped after 3 epochs: val_loss has not improved for 5 epochs." in text


def test_values_that_are_not_finite_are_gaps_and_told(tmp_path):
    samples.write_run(tmp_path, count=9)
    history = json.loads((tmp_path / "history.json").read_text())
    for epoch in (3, 4):
        history["epochs"][epoch]["train_loss"] = None
    samples.write_json(tmp_path / "history.json", history)
    page = page_of(tmp_path)
    assert "train loss was not finite in epoch 4, 5." in page.text
    line = next(
        a["d"] for a in page.all("path") if a.get("d", "").count("M0 ") != 5 and "L" in a["d"]
    )
    assert line.count("M") == 2
    assert page.row("4")[2] == "nan"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("result.json", "{", "result.json cannot be read: Expecting property name"),
        ("result.json", "[1]", "result.json holds a list, no table of names and values"),
        ("config.toml", "recipe = ", "config.toml cannot be read: Invalid value"),
        ("summary.json", '{"rows": 3}', "summary.json holds no rows of layers"),
        ("summary.json", "[" * 100_000, "summary.json cannot be read: "),
        ("history.json", '{"epochs": [1, {"epoch": 1, "lr": 1.0}]}', "some of its epochs are no"),
        ("history.json", b"\xff\xfe", "history.json: 'utf-8' codec can't decode"),
        ("graph.svg", "<html/>", "graph.svg holds no drawing"),
        ("graph.svg", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", "graph.svg holds no drawing"),
        ("pictures/pictures.json", '{"a": 1}', "pictures.json holds no list of pictures"),
        ("pictures/pictures.json", '[{"file": "/etc/hostname"}]', "lies outside of the folder"),
        ("pictures/pictures.json", '[{"file": "x.png"}, 3]', "'x.png': No such file"),
        ("pictures/01-mistakes.png", "text", "'01-mistakes.png' is no PNG, JPEG or GIF"),
    ],
)
def test_a_broken_file_is_told_and_the_rest_is_shown(tmp_path, name, content, told):
    samples.write_run(tmp_path, net=samples.model())
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    page = page_of(tmp_path)
    assert told in page.text
    assert "MNIST" in page.text or "mnist" in page.text


@pytest.mark.parametrize(
    "result",
    [
        {"confusion_matrix": [[1, 2]]},
        {"confusion_matrix": "x"},
        {"confusion_matrix": [[1, None], [0, 1]]},
        {"test": 3, "seconds": "long", "best_epoch": "x", "parameters": None, "title": 5},
        {"test": {"accuracy": None, "loss": math.nan, "x": [1], "y": {"z": 1e300}}},
        {"classes": ["one"], "seed": [1, 2]},
    ],
)
def test_results_of_other_kinds_than_agreed_break_nothing(tmp_path, result):
    samples.write_run(tmp_path, result=result)
    page = page_of(tmp_path)
    assert ("no square of counts" in page.text) == ("confusion_matrix" in result)


@pytest.mark.parametrize(
    "epochs",
    [
        [],
        [{}],
        [{"epoch": 1}],
        [{"train_loss": 1.0}, {"train_loss": 2.0}],
        [{"epoch": 2, "val_loss": -1e308}, {"epoch": 3, "val_loss": 1e308}],
        [{"epoch": 1, "lr": 0.0, "val_loss": 5e-324}],
        [{"epoch": "x", "val_loss": "y", "val_x": None}],
        [{"epoch": 3, "lr": 1e-9}, {"epoch": 1, "lr": 1e9}, {"epoch": 1, "lr": 2}],
    ],
)
def test_histories_at_the_edges(tmp_path, epochs):
    samples.write_json(tmp_path / "history.json", {"epochs": epochs})
    page_of(tmp_path)
    as_comparison_page(compare_runs([tmp_path, tmp_path])) if epochs else None


def test_the_page_is_written_into_the_folder(tmp_path):
    samples.write_run(tmp_path)
    path = write_report(tmp_path)
    assert path == tmp_path / "report.html"
    first = path.read_bytes()
    assert write_report(str(tmp_path)).read_bytes() == first  # nothing of the moment stands in it
    with pytest.raises(FileNotFoundError, match="got a path where nothing is, expected the out"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="got a file"):
        write_report(path)
