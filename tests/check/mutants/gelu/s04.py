import math

import numpy as np


class Module:
    training = True
    output = gradInput = None

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, gradOutput):
        self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


_erf = np.vectorize(math.erf, otypes=[float])


class Gelu(Module):
    def updateOutput(self, x):
        self.output = 0.5 * x * (1 + _erf(x))
        return self.output

    def updateGradInput(self, x, gradOutput):
        d = 0.5 * (1 + _erf(x)) + x * np.exp(-x ** 2) / np.sqrt(np.pi)
        self.gradInput = gradOutput * d
        return self.gradInput
