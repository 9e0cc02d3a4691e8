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


class ReLU(Module):
    def updateOutput(self, x):
        self.mask = x > 0
        x[~self.mask] = 0
        self.output = x
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * self.mask
        return self.gradInput
