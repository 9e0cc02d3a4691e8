import numpy as np
from scipy.special import erf


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


class Gelu(Module):
    def updateOutput(self, x):
        self.output = x * 0.5 * (1 + erf(x / np.sqrt(2)))
        return self.output

    def updateGradInput(self, x, gradOutput):
        Phi = 0.5 * (1 + erf(x / np.sqrt(2)))
        phi = np.exp(-x ** 2 / 2) / np.sqrt(2)
        self.gradInput = (Phi + x * phi) * gradOutput
        return self.gradInput
