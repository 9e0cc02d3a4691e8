"""A plugin of pytest: the fixture `check_layer` for tests of hand-written layers.

It stands beside the package, not in it, because pytest imports its plugins at every start: this
module imports nothing of Rushlight, or of NumPy, before a test asks for the fixture.

    def test_linear(check_layer):
        check_layer(student.Linear)
        check_layer("student.py", layer="Conv2d", like="torch_like")

A failure's text is what the checker has found, in the language of `--rushlight-lang` or of the
setting `rushlight_lang` (en or ru).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["check_layer", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting for the language of failures."""
    group = parser.getgroup("rushlight", "checks of hand-written layers")
    group.addoption(
        "--rushlight-lang",
        choices=("en", "ru"),
        default=None,
        help="language of what check_layer has found (default: the setting rushlight_lang, or en)",
    )
    parser.addini(
        "rushlight_lang", "language of what check_layer has found: en or ru", default="en"
    )


@pytest.fixture(scope="session")
def check_layer(pytestconfig: pytest.Config) -> Callable[..., Any]:
    """Return `rushlight.check.assert_correct`, speaking the language that is set.

    It takes a class, function or object, or a path and the name of a `layer` in it, and `like`; it
    fails the test with what is wrong, else it returns the report.
    """
    chosen = pytestconfig.getoption("--rushlight-lang") or pytestconfig.getini("rushlight_lang")

    def check(obj: Any, like: Any = None, *, layer: str | None = None, lang: str = chosen) -> Any:
        __tracebackhide__ = True
        from rushlight.check import assert_correct

        return assert_correct(obj, like, lang, layer=layer)

    return check
