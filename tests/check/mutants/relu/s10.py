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
    def __init__(self):
        self.output = np.zeros(0)
        self.gradInput = np.zeros(0)

    def updateOutput(self, x):
        if self.output.shape != x.shape:
            self.output = np.zeros(x.shape)
        np.maximum(x, 0, out=self.output)
        return self.output

    def updateGradInput(self, x, gradOutput):
        if self.gradInput.shape != x.shape:
            self.gradInput = np.zeros(x.shape)
        np.multiply(gradOutput, x > 0, out=self.gradInput)
        return self.gradInput
