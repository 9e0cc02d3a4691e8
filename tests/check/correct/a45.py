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


class SoftPlus(Module):
    def __init__(self, threshold=35.0):
        self.threshold = threshold

    def updateOutput(self, x):
        self.output = np.array(x, dtype=x.dtype)
        low = x < self.threshold
        self.output[low] = np.log1p(np.exp(x[low]))
        return self.output

    def updateGradInput(self, x, gradOutput):
        clipped = np.clip(x, -700, 700)
        self.gradInput = gradOutput / (1 + np.exp(-clipped))
        return self.gradInput
