"""The page of causes is current."""

from __future__ import annotations

from tests.check.pages import NOTES, PAGE, page

from rushlight.check.texts import CAUSES, CHECKS, REASONS


def test_the_page_of_causes_is_current() -> None:
    made = page()
    assert PAGE.read_text(encoding="utf-8") == made, "python -m tests.check.pages --write"
    named = [*CAUSES, *CHECKS, *REASONS]
    for name in named:  # a cause and a reason may have the same name, such as crash
        assert made.count(f"| `{name}`") == named.count(name)
    assert set(CAUSES) >= NOTES
