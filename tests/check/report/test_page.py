"""The page: complete in itself, well formed, harmless, with maps that show what is wrong."""

import dataclasses
import math
import re
from html.parser import HTMLParser

import pytest
from tests.check.report import samples

from rushlight.check import texts
from rushlight.check.findings import FileReport, LayerReport, Picture
from rushlight.check.report import as_html, as_page
from rushlight.check.report.heatmap import LEVELS, colour_rules, maps

VOID = {"meta", "br", "rect", "path"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "article", "div", "span",
    "h1", "h2", "h3", "p", "pre", "code", "a", "bdi", "table", "tr", "th", "td", "details",
    "summary", "figure", "figcaption", "svg", "rect", "path",
}  # fmt: skip


class Reader(HTMLParser):
    """Reads a page, and checks that its tags are closed in the right order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


ALL = [samples.MIXED, samples.GOOD, samples.NASTY, samples.EMPTY]


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("reports", [samples.MIXED, ALL, []], ids=["one", "several", "none"])
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(lang, reports):
    text = as_page(reports, lang)
    page = Reader(text)
    assert text.startswith("<!DOCTYPE html>\n")
    assert page.all("html") == [{"lang": lang}]
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on")}
        assert attributes.get("href", "#").startswith("#")
        assert "src" not in attributes
    assert not re.search(r"url\(|@import|https?:", text)
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in page.all("meta"))
    text.encode("utf-8")


def test_links_lead_somewhere():
    page = Reader(as_page(ALL, "en"))
    places = {attributes.get("id") for _, attributes in page.tags}
    links = {attributes["href"][1:] for attributes in page.all("a")}
    assert links
    assert links <= places
    named = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(named) == len({*named})


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_all_that_was_found_stands_on_the_page(lang):
    text = Reader(as_page(samples.MIXED, lang)).text
    for finding in (samples.BORDER, samples.OVERWRITTEN, samples.OVERFLOW, samples.NOTE):
        for line in texts.message(finding, lang).splitlines():
            assert line.replace("`", "") in text
        for line in texts.hint(finding, lang).splitlines():
            assert line.strip().replace("`", "") in text
        assert finding.cause in text
    assert texts.reason(samples.SLOW, lang) in text
    assert {"en": "cell 2, line 5", "ru": "ячейка 2, строка 5"}[lang] in text
    assert "def broken(:" in text


def test_words_of_english_do_not_stand_on_a_russian_page():
    text = Reader(as_page([samples.MIXED, samples.GOOD], "ru")).text
    for word in ("defect", "skipped", "expected", "compared", "Hint", "Values", "largest", "cell"):
        assert word not in text


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_what_students_write_is_only_text(lang):
    for text in (as_page(samples.NASTY, lang), as_html(samples.NASTY, lang)):
        page = Reader(text)
        assert not page.all("script")
        assert "<script>alert(1)</script>" in page.text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
    title = re.search("<title>(.*?)</title>", as_page(samples.NASTY, lang))
    assert "&lt;script&gt;" in title[1]


def test_code_in_backticks_and_indented_lines():
    page = as_page(samples.MIXED, "en")
    assert "<code>np.zeros(shape, dtype=input.dtype)</code>" in page
    assert "<pre>self.gradb += gradOutput.sum(axis=0)</pre>" in page
    assert "`" not in Reader(page).text


def rects(html, kind=None):
    found = [a for a in Reader(html).all("rect") if "height" in a and a["height"] != "8"]
    return [a for a in found if kind is None or a["class"] == kind]


def test_three_maps_with_a_value_for_each_cell():
    html = maps(samples.BORDER, "en")
    page = Reader(html)
    names = [svg.get("aria-label") for svg in page.all("svg") if "aria-label" in svg]
    assert names == ["expected", "got", "got - expected"]
    titles = re.findall("<title>(.*?)</title>", html)
    assert len(titles) == 3 * 5 * 6
    picture = samples.BORDER.picture
    assert titles[1] == f"[1, 2, 0, 1]: {picture.expected[0][1]:.6g}"
    assert titles[30 + 29] == f"[1, 2, 4, 5]: {picture.got[4][5]:.6g}"
    error = picture.got[3][0] - picture.expected[3][0]
    assert titles[60 + 18] == f"[1, 2, 3, 0]: {error:.6g}"


def test_the_first_wrong_element_is_framed_in_each_map():
    html = maps(samples.BORDER, "en")
    size = 28
    places = {(a["x"], a["y"]) for a in rects(html, "rl-mark")}
    assert places == {(str(size + 1), "1")}
    assert len(rects(html, "rl-mark")) == 3
    lost = dataclasses.replace(samples.BORDER, index=(0, 0, 0, 0))
    assert not rects(maps(lost, "en"), "rl-mark")
    assert "framed" not in maps(lost, "en")


def test_a_cut_that_ends_with_the_first_wrong_element():
    """A long row is cut before the wrong element: the indices on hover are those of the tensor."""
    far = dataclasses.replace(samples.OVERWRITTEN, index=(40,))
    titles = re.findall("<title>(.*?)</title>", maps(far, "en"))
    assert [title.split(":")[0] for title in titles[:3]] == ["[38]", "[39]", "[40]"]
    assert {a["x"] for a in rects(maps(far, "en"), "rl-mark")} == {"57"}


def test_colours_go_with_sign_and_size():
    html = maps(samples.OVERWRITTEN, "en")
    kinds = [a["class"] for a in rects(html) if a["class"][3] in "npzx"]
    assert kinds[:3] == ["rl-p2", "rl-n4", "rl-p8"]  # of 0.5, -1, 2.5
    assert kinds[3:6] == ["rl-p1", "rl-n2", "rl-n4"]
    assert kinds[6:] == ["rl-n1", "rl-p2", "rl-n8"]


def test_what_is_not_finite_is_crossed_out():
    html = maps(samples.OVERFLOW, "ru")
    assert html.count("rl-cross") == 6  # in got and in the difference
    assert html.count("не конечно") == 6
    odd = Picture([[1.0, math.nan]], [[math.inf, 2.0]])
    crossed = maps(dataclasses.replace(samples.OVERFLOW, picture=odd, index=None), "en")
    assert crossed.count("rl-cross") == 1 + 1 + 2


@pytest.mark.parametrize("values", [[[0.0, 0.0]], [[None]], [[5e-324, 1e308]]])
def test_maps_of_odd_values(values):
    zero = dataclasses.replace(samples.OVERFLOW, picture=Picture(values, values), index=None)
    html = maps(zero, "en")
    assert "nan" not in html
    Reader(html)


@pytest.mark.parametrize("picture", [None, Picture([], []), Picture([[]], [[]])])
def test_no_picture_no_map(picture):
    assert maps(dataclasses.replace(samples.BORDER, picture=picture), "en") == ""


def luminance(colour):
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("dark", [False, True])
def test_the_scale_leads_from_a_neutral_middle_to_a_blue_and_an_orange_end(dark):
    colours = dict(re.findall(r"\.rl-(\w+)\{fill:(#\w{6})\}", "".join(colour_rules(dark))))
    assert len(colours) == 2 * LEVELS + 1
    for side in "np":
        steps = [luminance(colours[name]) for name in ("z", *(f"{side}{i}" for i in range(1, 9)))]
        assert steps == sorted(steps, reverse=not dark)
    blue, orange = colours["n8"], colours["p8"]
    assert int(blue[5:], 16) > int(blue[1:3], 16)
    assert int(orange[5:], 16) < int(orange[1:3], 16)


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("report", [samples.CONV, samples.MIXED, samples.EMPTY])
def test_the_part_for_a_notebook(lang, report):
    text = as_html(report, lang)
    page = Reader(text)
    assert page.tags[0] == ("div", {"class": "rushlight", "lang": lang})
    assert not page.all("html")
    assert not page.all("a")  # it may stand twice in one notebook
    rules = re.search("<style>(.*)</style>", text, re.DOTALL)[1]
    for rule in re.findall(r"(?:^|\})\s*([^{}@]+)\{", re.sub(r"/\*.*?\*/", "", rules)):
        assert all(".rushlight" in part or "rl-" in part for part in rule.split(",")), rule


def test_a_page_of_a_large_class_is_quick_and_small():
    layers = tuple(LayerReport(f"Layer{i}", "", "ok") for i in range(20))
    text = as_page([FileReport(f"{i}.py", layers) for i in range(100)], "en")
    assert len(text) < 1_000_000
