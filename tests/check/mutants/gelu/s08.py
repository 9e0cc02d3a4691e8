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


class ELU(Module):
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def updateOutput(self, x):
        self.output = np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))
        return self.gradInput


class Gelu(Module):
    def updateOutput(self, x):
        self.output = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * x * (1 + 0.044715 * x * x)))
        return self.output

    def updateGradInput(self, x, gradOutput):
        k, c = np.sqrt(2 / np.pi), 0.044715
        th = np.tanh(k * (x + c * x ** 3))
        d_inner = k * (1 + 3 * c * x ** 2)
        d_th = (1 - th ** 2) * d_inner
        self.gradInput = gradOutput * ((1 + th) / 2 + x / 2 * d_th)
        return self.gradInput
