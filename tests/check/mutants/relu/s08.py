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
    """max(0, x) = (x + |x|) / 2"""

    def updateOutput(self, x):
        self.output = (x + np.abs(x)) / 2
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * (1 + np.sign(x)) / 2
        return self.gradInput


class Flatten(Module):
    def updateOutput(self, x):
        self.output = x.reshape(len(x), -1)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput.reshape(x.shape)
        return self.gradInput
