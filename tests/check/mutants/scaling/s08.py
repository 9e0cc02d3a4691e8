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
        stdv = 1. / np.sqrt(n_out)
        self.gamma = np.random.uniform(-stdv, stdv, size=n_out)
        self.beta = np.random.uniform(-stdv, stdv, size=n_out)
        self.gradGamma = np.zeros_like(self.gamma)
        self.gradBeta = np.zeros_like(self.beta)

    def updateOutput(self, x):
        self.output = (x.swapaxes(1, -1) * self.gamma + self.beta).swapaxes(1, -1)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = (gradOutput.swapaxes(1, -1) * self.gamma).swapaxes(1, -1)
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        total = gradOutput.sum(axis=tuple(a for a in range(x.ndim) if a != 1))
        self.gradGamma += total
        self.gradBeta += total

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
