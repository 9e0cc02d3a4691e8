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


class GlobalMaxPool2d(Module):
    def updateOutput(self, x):
        flat = x.reshape(*x.shape[:2], -1)
        best = np.sort(flat, axis=-1)[..., -1:]
        self.max_mask = (flat == best).reshape(x.shape)
        return best[..., 0]

    def updateGradInput(self, x, gradOutput):
        self.updateOutput(x)
        share = gradOutput / np.count_nonzero(self.max_mask, axis=(2, 3))
        return np.where(self.max_mask, share[:, :, None, None], 0.)
