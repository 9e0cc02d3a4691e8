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
    def updateOutput(self, x):
        x = np.clip(x, -50, 50)  # to avoid overflow
        self.output = np.log(1 + np.exp(x))
        return self.output

    def updateGradInput(self, x, gradOutput):
        x = np.clip(x, -50, 50)
        self.gradInput = gradOutput * (1 / (1 + np.exp(-x)))
        return self.gradInput
