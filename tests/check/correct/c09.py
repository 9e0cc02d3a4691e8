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


class LeakyReLU(Module):
    def __init__(self, slope=0.03):
        super().__init__()
        self.slope = slope

    def updateOutput(self, x):
        return x.clip(min=0) + self.slope * x.clip(max=0)

    def updateGradInput(self, x, gradOutput):
        factor = np.full_like(x, self.slope)
        factor[x > 0] = 1
        return factor * gradOutput
