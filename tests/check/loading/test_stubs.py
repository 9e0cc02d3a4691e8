"""Stubs: naming them is free, using them says why they are not the real thing."""

import copy
import operator
from typing import List, Optional  # noqa: UP035

import numpy as np
import pytest

from rushlight.check.loading import StubUsed
from rushlight.check.loading.stubs import missing, postponed

STUB = missing("plots.deep", "it cannot be imported")

USES = {
    "call": lambda s: s(1, x=2),
    "attribute, then call": lambda s: s.a.b(),
    "add": lambda s: s + 1,
    "right multiply": lambda s: 2 * s,
    "matmul": lambda s: s @ s,
    "array on the left": lambda s: np.ones(2) * s,
    "numpy scalar on the left": lambda s: np.float64(2) * s,
    "ufunc": lambda s: np.add(1, s),
    "negative": operator.neg,
    "compare": lambda s: s < 1,
    "iterate": list,
    "length": len,
    "truth": bool,
    "number": float,
    "index": lambda s: [1][s],
    "in": lambda s: 1 in s,
    "set item": lambda s: operator.setitem(s, 0, 1),
    "set attribute": lambda s: setattr(s, "x", 1),
    "with": lambda s: s.__enter__(),
    "base class": lambda s: type("A", (), {}) and exec("class A(s): pass", {"s": s}),
    "element": lambda s: s[0] + 1,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_use_is_an_error_that_names_the_module(use):
    with pytest.raises(StubUsed, match=r"plots.deep.* it cannot be imported"):
        use(STUB)


def test_naming_is_free():
    assert repr(STUB.a.b) == "<stub of plots.deep.a.b>"
    assert not isinstance(3, STUB) and not issubclass(int, STUB)
    for hint in (Optional[STUB], List[STUB.x], STUB | None, None | STUB, STUB["x"]):  # noqa: UP006, UP045
        assert "stub of plots.deep" in repr(hint)
    assert {STUB: 1}[STUB] == 1 and missing("plots.deep", "") != STUB
    assert not hasattr(STUB, "__file__") and hasattr(STUB, "file")
    assert np.asarray(STUB).dtype == object
    assert repr(copy.copy(STUB)) == repr(STUB)


def test_a_postponed_module_is_the_real_one_when_used():
    fractions = postponed("fractions")
    assert fractions.Fraction(1, 2) + 1 == postponed("fractions", "Fraction")(3, 2)
    assert postponed("xml").dom.minidom.parseString("<a/>").documentElement.tagName == "a"
    assert postponed("math", "pi") + 0 == np.pi and 2 * postponed("math", "pi") == 2 * np.pi

    class Half(fractions.Fraction):
        pass

    assert isinstance(Half(1, 2), fractions.Fraction)
    with pytest.raises(StubUsed, match="its import failed: ModuleNotFoundError"):
        postponed("no_such_module")()
