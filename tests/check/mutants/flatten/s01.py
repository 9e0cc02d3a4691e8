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


class Flatten(Module):
    def updateOutput(self, x):
        self.output = x.reshape(x.shape[0], -1)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput
        return self.gradInput
