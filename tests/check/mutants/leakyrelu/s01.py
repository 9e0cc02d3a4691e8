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


class LeakyReLU(Module):
    def __init__(self, slope=0.01):
        self.slope = slope

    def updateOutput(self, x):
        self.output = np.where(x > 0, x, 0.01 * x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = np.where(x > 0, gradOutput, 0.01 * gradOutput)
        return self.gradInput

    def __repr__(self):
        return 'LeakyReLU'
