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


class Flatten(Module):
    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def updateOutput(self, x):
        return x.reshape(x.shape[:self.start_dim] + (-1,))

    def updateGradInput(self, x, gradOutput):
        return gradOutput.reshape(x.shape)
