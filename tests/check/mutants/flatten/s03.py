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
        self.in_shape = x.shape
        n, c, h, w = x.shape
        self.output = x.transpose(0, 2, 3, 1).reshape(n, h * w * c)
        return self.output

    def updateGradInput(self, x, gradOutput):
        n, c, h, w = self.in_shape
        self.gradInput = gradOutput.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        return self.gradInput
