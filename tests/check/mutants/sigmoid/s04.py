import numpy as np
from scipy.special import expit


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
        self.output = expit(x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = self.output * (1. - self.output)
        return self.gradInput
