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


class Sigmoid(Module):
    def updateOutput(self, x):
        z = np.exp(-np.abs(x))
        self.output = np.where(x >= 0, 1 / (1 + z), z / (1 + z))
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * x * (1 - x)
        return self.gradInput
