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
        tail = (1,) * (x.ndim - 2)
        self.output = x * self.gamma.reshape(-1, *tail) + self.beta.reshape(-1, *tail)
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput * self.gamma.reshape(-1, *(1,) * (x.ndim - 2))
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        n, c = x.shape[:2]
        g = gradOutput.reshape(n, c, -1)
        self.gradGamma += np.einsum('ncp,ncp->c', g, x.reshape(n, c, -1))
        self.gradBeta += np.einsum('ncp->c', g)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
