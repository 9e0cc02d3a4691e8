import numpy as np


class Module:
    """Базовый класс слоя: прямой и обратный проход."""

    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, x):
        self.output = self.updateOutput(x)
        return self.output

    def backward(self, x, gradOutput):
        self.gradInput = self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): ...

    def zeroGradParameters(self): ...

    def getParameters(self): return []

    def getGradParameters(self): return []

    def train(self): self.training = True

    def evaluate(self): self.training = False


class SoftMax(Module):
    def updateOutput(self, x):
        z = np.exp(x - np.max(x))
        return z / np.sum(z, axis=1)[:, np.newaxis]

    def updateGradInput(self, x, gradOutput):
        s = self.updateOutput(x)
        # J^T g = s * (g - <g, s>)
        dot = np.einsum('ij,ij->i', s, gradOutput)
        return s * (gradOutput - dot[:, None])
