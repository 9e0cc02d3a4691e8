"""Special functions under the names of `torch.special`."""

from rushlight.functional.activation import log_softmax, sigmoid, softmax
from rushlight.functional.composed import logit
from rushlight.functional.elementwise import erf, erfc, exp2, expm1, log1p, round, xlogy
from rushlight.functional.reduction import logsumexp
from rushlight.functional.special import (
    digamma,
    entr,
    erfcx,
    erfinv,
    i0,
    i0e,
    i1,
    i1e,
    igamma,
    igammac,
    lgamma,
    log_ndtr,
    mvlgamma,
    ndtr,
    ndtri,
    polygamma,
    sinc,
    xlog1py,
    zeta,
)

expit = sigmoid
gammainc, gammaincc = igamma, igammac
gammaln, multigammaln = lgamma, mvlgamma
psi = digamma

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]
