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


class ELU(Module):
    def __init__(self, alpha=1):
        self.alpha = alpha

    def updateOutput(self, x):
        self.output = np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))
        return self.output

    def updateGradInput(self, x, gradOutput):
        y = self.updateOutput(x)
        self.gradInput = np.where(x > 0, 1.0, y + self.alpha) * gradOutput
        return self.gradInput
