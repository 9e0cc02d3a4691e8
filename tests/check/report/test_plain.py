"""Signs that a code page lacks: spelled out, and none of ours is forgotten."""

import pytest
from tests.check.report import samples

from rushlight.check.explain import explain
from rushlight.check.formulas.pages import PAGES
from rushlight.check.report import as_text
from rushlight.check.report.plain import plainer


@pytest.mark.parametrize("encoding", ["ascii", "cp866", "cp1251", "cp1252", "utf-8", None])
def test_signs_that_a_code_page_lacks_are_spelled_out(encoding):
    text = "2 × 3 → 6 — “so” ≤ 1… σ₁²"
    plain = plainer(text, encoding)
    plain.encode(encoding or "utf-8")
    if encoding in ("utf-8", None):
        assert plain == text
    if encoding == "ascii":
        assert plain == '2 x 3 -> 6 - "so" <= 1... sigma_1^2'


def test_what_is_not_known_stays():
    assert plainer("日 →", "cp866") == "日 ->"
    assert plainer("日 → a", "unheard-of") == "日 -> a"


@pytest.mark.parametrize(
    ("lang", "encoding"),
    [("en", "ascii"), ("en", "cp437"), ("en", "cp1252"), ("ru", "cp866"), ("ru", "cp1251")],
)
def test_all_that_we_say_is_whole_in_the_code_pages_of_windows(lang, encoding):
    told = [as_text(samples.MIXED, lang, verbose=True), *(explain(name, lang) for name in PAGES)]
    for text in told:
        plainer(text, encoding).encode(encoding)
