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
    out = np.empty(x.shape, dtype=np.result_type(x, np.float32))
    pos = x >= 0
    out[pos] = 1 / (1 + np.exp(-x[pos]))
    e = np.exp(x[~pos])
    out[~pos] = e / (1 + e)
    return out


class Sigmoid(Module):
    def updateOutput(self, x):
        self.output = sigmoid(x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        s = sigmoid(x)
        self.gradInput = gradOutput * s * (1 - s)
        return self.gradInput
