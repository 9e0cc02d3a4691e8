import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class ChannelwiseScaling(Module):
    def __init__(self, n):
        super().__init__()
        self._p = np.vstack([np.ones(n), np.zeros(n)])
        self._g = np.zeros((2, n))
        self.gamma, self.beta = self._p
        self.gradGamma, self.gradBeta = self._g

    def updateOutput(self, input):
        x = np.swapaxes(input, 1, -1)
        self.output = np.swapaxes(x * self.gamma + self.beta, 1, -1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.einsum('nc...,c->nc...', gradOutput, self.gamma)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        n, c = input.shape[:2]
        g = gradOutput.reshape(n, c, -1)
        self._g += [np.einsum('nck,nck->c', g, input.reshape(n, c, -1)), np.einsum('nck->c', g)]

    def zeroGradParameters(self):
        self._g[:] = 0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
