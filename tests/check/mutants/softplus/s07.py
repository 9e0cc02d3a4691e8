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


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


class Sigmoid(Module):
    def updateOutput(self, x):
        self.output = sigmoid(x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        s = sigmoid(x)
        self.gradInput = gradOutput * s * (1 - s)
        return self.gradInput


class SoftPlus(Module):
    def updateOutput(self, x):
        self.output = np.where(x > 30, x, np.log1p(np.exp(np.minimum(x, 30))))
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * (1 - sigmoid(x))
        return self.gradInput
