"""Samples of the special functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.ops.sample import Error, Sample, uniform
from tests.ops.test_elementwise import EXTREME, INSIDE, POSITIVE, REAL, WHOLE, unary

from rushlight.errors import ShapeError


def special(name: str) -> Any:
    return lambda torch, *x: getattr(torch.special, name)(*x)


# Where torch's second derivative of digamma is noise (at its poles) and those of i1, i1e at nan
# are 1/2, the hard values are left out.
FAR = np.array([-1000.0, -100.0, -0.5, 0.5, 1.0, 100.0, 1000.0])

SAMPLES: dict[str, list[Sample]] = {
    "erfinv": unary(special("erfinv"), INSIDE, whole=np.array([-1, 0, 1])),
    "entr": unary(special("entr"), POSITIVE, edge=FAR[3:]),
    "erfcx": unary(special("erfcx"), REAL, edge=FAR[2:]),
    "ndtri": unary(special("ndtri"), uniform(4, 3, low=0.1, high=0.9), whole=np.array([0, 1])),
    "log_ndtr": unary(special("log_ndtr"), REAL * 3, edge=FAR),
    "lgamma": unary(special("gammaln"), POSITIVE),
    "digamma": unary(special("digamma"), POSITIVE, edge=FAR[2:], whole=np.array([1, 2, 5])),
    "i0": unary(special("i0"), REAL, edge=FAR[2:5]),
    "i1": unary(special("i1"), REAL, edge=FAR[2:5]),
    "i0e": unary(special("i0e"), REAL, edge=FAR),
    "i1e": unary(special("i1e"), REAL, edge=FAR),
    "sinc": unary(special("sinc"), REAL, edge=np.append(FAR, 0.0), whole=WHOLE),
    "polygamma": [
        Sample((x,), {"n": n}, lambda torch, x, n=n: torch.special.polygamma(n, x), **traits)
        for n in (0, 1, 2)
        for x, traits in (
            (POSITIVE, {}),
            (np.array(1.3), {}),
            (np.array([1, 2, 5]), {"gradient": False}),
        )
    ],
}

A, B = uniform(4, 3, low=0.5, high=3.0), uniform(4, 3, low=0.5, high=3.0, seed=1)

SAMPLES["xlog1py"] = [
    Sample((REAL, POSITIVE), {}, special("xlog1py")),
    Sample((REAL[0], POSITIVE), {}, special("xlog1py")),
    Sample((2.0, POSITIVE), {}, special("xlog1py")),
    Sample((REAL, 0.5), {}, special("xlog1py")),
    Sample((np.zeros(11), EXTREME), {}, special("xlog1py"), gradient=False),
    Sample((np.array([0, 1, 2]), np.array([-1, 2, 3])), {}, special("xlog1py"), gradient=False),
]
for _name in ("gammainc", "gammaincc", "zeta"):
    _parameter = A + 1.0

    def _call(torch: Any, x: Any, parameter: Any, name: str = _name) -> Any:
        return getattr(torch.special, name)(torch.tensor(parameter), x)

    SAMPLES[_name] = [
        Sample((B,), {"parameter": p}, lambda t, x, p=p, f=_call: f(t, x, p))
        for p in (_parameter, _parameter[:1], np.array(1.5))
    ] + [Sample((B[0],), {"parameter": _parameter}, lambda t, x, p=_parameter, f=_call: f(t, x, p))]

ERRORS: dict[str, list[Error]] = {
    "xlog1py": [Error((np.ones(3), np.ones(2)), {}, ShapeError, "xlog1py: got shapes")]
} | {
    name: [Error((np.ones(3),), {"parameter": np.ones(2)}, ShapeError, f"{name}: got shapes")]
    for name in ("gammainc", "gammaincc", "zeta")
}
