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


class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
        self.mask = None

    def updateOutput(self, x):
        if not self.training:
            return x
        # 1 - оставить нейрон, 0 - выкинуть
        self.mask = (np.random.rand(*x.shape) >= self.p).astype(x.dtype)
        out = x * self.mask
        out /= (1.0 - self.p)
        return out

    def updateGradInput(self, x, gradOutput):
        if not self.training:
            return gradOutput
        return gradOutput * self.mask
