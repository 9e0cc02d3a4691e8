"""The JSON of a report: the promised keys, plain values, the language asked for."""

import json

import numpy as np
import pytest
from tests.check.report import samples

from rushlight.check import texts
from rushlight.check.findings import FileReport, Finding, LayerReport, Region
from rushlight.check.report import as_json, as_record

FINDING_KEYS = [
    *("severity", "check", "tensor", "index", "expected"),
    *("got", "max_error", "cause", "message", "hint"),
]


def strict(text):
    """Read JSON, and take offence at NaN and Infinity."""

    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_schema(lang):
    record = strict(as_json(samples.MIXED, lang))
    assert [*record][:2] == ["file", "layers"]
    assert record["file"] == "homework.ipynb"
    assert record["exit_code"] == 1
    statuses = [layer["status"] for layer in record["layers"]]
    assert statuses == ["ok", "ok", "defect", "defect", "defect", "error", "skipped"]
    for layer in record["layers"]:
        assert [*layer][:4] == ["name", "like", "status", "findings"]
        for finding in layer["findings"]:
            assert [*finding][: len(FINDING_KEYS)] == FINDING_KEYS
            assert finding["severity"] in ("defect", "note")
    conv = record["layers"][2]["findings"][0]
    assert conv["index"] == [1, 2, 0, 1]
    assert conv["expected"] == samples.BORDER.expected
    assert conv["max_error"] == samples.BORDER.max_error
    assert conv["cause"] == "border_not_folded"
    assert conv["message"] == texts.message(samples.BORDER, lang)
    assert conv["hint"] == texts.hint(samples.BORDER, lang)
    assert conv["case"] == samples.BORDER.case
    assert conv["region"] == {"kind": "border", "numbers": [], "wrong": 18, "total": 180}
    assert record["layers"][5]["message"] == texts.reason(samples.SLOW, lang)
    assert record["problems"][0]["cell"] == 3
    assert (record["layers"][2]["cell"], record["layers"][2]["line"]) == (2, 5)


def test_what_is_not_finite_is_null():
    record = strict(as_json(samples.MIXED, "en"))
    overflow = record["layers"][4]["findings"][0]
    assert overflow["got"] is None
    assert overflow["max_error"] is None
    assert overflow["expected"] == 1000


def test_numbers_of_numpy_are_written_as_numbers():
    finding = Finding(
        "defect",
        "output",
        "output",
        "sign",
        "Tanh",
        index=tuple(np.array([1, 2])),
        expected=np.float32(0.5),
        got=np.float64("nan"),
        max_error=np.float64(2),
        region=Region("rows", tuple(np.array([1])), np.int64(3), np.int64(4)),
        details={"n": np.int64(5)},
    )
    report = FileReport("a.py", (LayerReport("Tanh", "", "defect", (finding,)),))
    found = strict(as_json(report, "en"))["layers"][0]["findings"][0]
    assert (found["index"], found["expected"], found["got"]) == ([1, 2], 0.5, None)
    assert found["region"]["numbers"] == [1]
    assert found["details"] == {"n": "5"}


def test_several_reports_are_a_list_and_text_is_ascii():
    text = as_json([samples.GOOD, samples.NASTY, FileReport("\udcff.py")], "ru")
    assert text.isascii()
    assert [record["exit_code"] for record in strict(text)] == [0, 1, 2]
    assert strict(as_json([], "en")) == []


def test_the_default_language_is_that_of_the_locale(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_LANG", "ru")
    assert as_record(samples.MIXED) == as_record(samples.MIXED, "ru")
    assert as_record(samples.MIXED) != as_record(samples.MIXED, "en")


def test_an_unknown_language_is_an_error():
    with pytest.raises(ValueError, match="lang: got 'de', expected 'en' or 'ru'"):
        as_record(samples.GOOD, "de")
