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


class ChannelwiseScaling(Module):
    def __init__(self, n_out):
        self.gamma = np.ones(n_out)
        self.beta = np.zeros(n_out)
        self.gradGamma = np.zeros(n_out)
        self.gradBeta = np.zeros(n_out)

    def _shape(self, x):
        return (1, x.shape[1]) + (1,) * (x.ndim - 2)

    def updateOutput(self, x):
        self.x = x.copy()
        x *= self.gamma.reshape(self._shape(x))
        x += self.beta.reshape(self._shape(x))
        self.output = x
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * self.gamma.reshape(self._shape(x))
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        axes = tuple(a for a in range(x.ndim) if a != 1)
        self.gradGamma += (gradOutput * self.x).sum(axis=axes)
        self.gradBeta += gradOutput.sum(axis=axes)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
