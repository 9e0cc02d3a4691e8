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


class ChannelwiseScaling(Module):
    def __init__(self, n):
        super().__init__()
        self.gamma, self.beta = np.ones(n), np.zeros(n)
        self.gradGamma, self.gradBeta = np.zeros(n), np.zeros(n)

    @staticmethod
    def _view(p, x):
        return p.reshape((1, len(p)) + (1,) * (x.ndim - 2))

    def updateOutput(self, x):
        return self._view(self.gamma, x) * x + self._view(self.beta, x)

    def updateGradInput(self, x, gradOutput):
        return gradOutput * self._view(self.gamma, x)

    def accGradParameters(self, x, gradOutput):
        ax = tuple(i for i in range(x.ndim) if i != 1)
        self.gradGamma += (gradOutput * self.output).sum(axis=ax)
        self.gradBeta += gradOutput.sum(axis=ax)

    def zeroGradParameters(self):
        self.gradGamma[:] = 0
        self.gradBeta[:] = 0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
