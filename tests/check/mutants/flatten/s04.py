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
    def __init__(self):
        self.shape = None

    def updateOutput(self, x):
        if self.shape is None:
            self.shape = x.shape
        self.output = x.reshape(len(x), -1)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput.reshape(self.shape)
        return self.gradInput
