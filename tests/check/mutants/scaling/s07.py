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

    def _expand(self, p, ndim):
        return np.expand_dims(p, axis=(0,) + tuple(range(2, ndim)))

    def updateOutput(self, x):
        self.output = self._expand(self.gamma, x.ndim) * x + self._expand(self.beta, x.ndim)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * self._expand(self.gamma, x.ndim)
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        for c in range(x.shape[1]):
            self.gradGamma[c] += np.sum(gradOutput[:, c] * x[:, c])
            self.gradBeta[c] += np.sum(gradOutput[:, c])

    def zeroGradParameters(self):
        self.gradGamma[:] = 0
        self.gradBeta[:] = 0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [np.array(self.gradGamma), np.array(self.gradBeta)]
