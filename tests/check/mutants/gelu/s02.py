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


def _sigm(x):
    return 0.5 * np.tanh(0.5 * x) + 0.5


class GELU(Module):
    def updateOutput(self, x):
        self.output = x * _sigm(1.702 * x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        s = _sigm(1.702 * x)
        self.gradInput = gradOutput * (s + 1.702 * x * s * (1 - s))
        return self.gradInput
