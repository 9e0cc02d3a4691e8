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


class SoftMax(Module):
    def updateOutput(self, x):
        shifted = x - x.max(1, keepdims=True)
        exps = np.exp(shifted)
        self.output = exps / exps.sum(1, keepdims=True)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = np.zeros_like(self.output)
        for n, p in enumerate(self.output):
            jacobian = np.diag(p) - np.outer(p, p)
            self.gradInput[n] = jacobian.sum(axis=0)
        return self.gradInput


class Tanh(Module):
    def updateOutput(self, x):
        self.output = np.tanh(x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * (1. - np.tanh(x) ** 2)
        return self.gradInput
