import numpy as np
from scipy import special


class Gelu(object):
    SQ = np.sqrt(2.0 / np.pi)

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, dout):
        return self.updateGradInput(x, dout)

    def updateOutput(self, x):
        self.output = x * special.ndtr(x)
        return self.output

    def updateGradInput(self, x, dout):
        inner = self.SQ * (x + 0.044715 * np.power(x, 3))
        th = np.tanh(inner)
        sech2 = 1 - th * th
        left = 0.5 * (1 + th)
        right = 0.5 * x * sech2 * self.SQ * (1 + 0.134145 * np.power(x, 2))
        self.gradInput = dout * (left + right)
        return self.gradInput

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
