import numpy as np
from scipy.stats import norm


class GELU(object):
    def __init__(self):
        self._x = None
        self._cdf = None

    def _phi(self, x):
        if self._x is None or self._x.shape != x.shape or not np.array_equal(self._x, x):
            self._x = x.copy()
            self._cdf = norm.cdf(x)
        return self._cdf

    def forward(self, x):
        self.output = x * self._phi(x)
        return self.output

    def backward(self, x, dy):
        self.gradInput = dy * (self._phi(x) + x * norm.pdf(x))
        return self.gradInput

    updateOutput = forward
    updateGradInput = backward

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
