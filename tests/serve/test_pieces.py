"""What an exported file has beside Rushlight's own kernels."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from rushlight.ops.contract import OPS
from rushlight.serve.pieces import PIECES
from rushlight.serve.pieces.rows import sum_rows
from rushlight.serve.pieces.special import erf, erfc
from rushlight.serve.source import Library, NotPortable

# ops that need SciPy's special functions or sparse matrices
_SCIPY = {
    "digamma", "entr", "erfcx", "erfinv", "gammainc", "gammaincc", "i0", "i0e", "i1", "i1e",
    "lgamma", "log_ndtr", "matrix_exp", "ndtri", "polygamma", "sample", "spread", "spread_rows",
    "weigh", "xlog1py", "zeta",
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "within"), [(np.float32, 3e-7), (np.float64, 2e-15)])
def test_error_function_is_that_of_scipy(dtype, within):
    from scipy import special

    x = np.concatenate([np.linspace(-30, 30, 6001), np.linspace(-2, 2, 4001)]).astype(dtype)
    np.testing.assert_allclose(erf(x), special.erf(x), atol=within, rtol=0)
    np.testing.assert_allclose(erfc(x), special.erfc(x), atol=within, rtol=0)
    assert erf(x).dtype == dtype
    ends = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    np.testing.assert_array_equal(erf(ends), special.erf(ends))


def test_sums_of_rows_are_those_of_the_op():
    rng = np.random.default_rng(0)
    table, weights = rng.standard_normal((6, 3)), rng.standard_normal(7)
    index, starts = np.array([5, 0, 0, 3, 1, 1, 2]), np.array([0, 2, 2, 5, 7])
    for w in (None, weights):
        wanted = OPS["sum_rows"](table, w, index=index, starts=starts)
        np.testing.assert_allclose(sum_rows(table, w, index, starts), wanted, atol=1e-12)
    with pytest.raises(IndexError):
        sum_rows(table, None, np.array([6]), np.array([0, 1]))


def test_each_op_has_a_source_or_stands_in_the_list():
    library, left = Library(PIECES), set()
    for name in sorted(OPS):
        try:
            library.op(name)
        except NotPortable:
            left.add(name)
    assert left == _SCIPY
    tree = ast.parse(library.text())
    assert "scipy" not in library.text().replace("SciPy", "")
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert len(names) == len(set(names))


def test_sources_say_what_the_ops_say():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 5, 4)).astype(np.float32)
    for name, options in {
        "softmax": {"dim": 1}, "sum": {"dims": (2,), "keepdim": True}, "elu": {"alpha": 0.5},
        "mish": {}, "rsqrt": {}, "var": {"dims": (1, 3), "keepdim": False, "correction": 1},
        "max_dim": {"dim": 2, "keepdim": False}, "sort": {"dim": 3, "descending": True},
        "logsumexp": {"dims": (0, 1), "keepdim": False}, "floor": {}, "cumprod": {"dim": 1},
        "flip": {"dims": (1,)}, "split": {"dim": 1, "sizes": (1, 2)},
    }.items():  # fmt: skip
        library = Library(PIECES)
        call = library.op(name)
        space: dict = {"np": np}
        lines = ["from __future__ import annotations", *library.imports, library.text()]
        exec(compile("\n".join(lines), name, "exec"), space)
        given = np.abs(x) + 0.5
        found = (eval(call, space))(given, **options)
        wanted = OPS[name](given, **options)
        parts = zip(_tuple(found), _tuple(wanted), strict=True)
        for y, t in parts:
            np.testing.assert_allclose(y, t, rtol=1e-6, atol=1e-6, err_msg=name)


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)
