import numpy as np


class Module(object):
    # базовый класс из условия
    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, input):
        """Прямой проход"""
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        """Обратный проход: сначала по входу, потом по параметрам"""
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class ChannelwiseScaling(Module):
    def __init__(self, n_out):
        super().__init__()
        s = 1 / np.sqrt(n_out)
        self.gamma = np.random.uniform(-s, s, n_out)
        self.beta = np.random.uniform(-s, s, n_out)
        self.gradGamma = np.zeros(n_out)
        self.gradBeta = np.zeros(n_out)

    def updateOutput(self, input):
        x = np.moveaxis(input, 1, -1)
        self.output = np.moveaxis(x * self.gamma + self.beta, -1, 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.moveaxis(np.moveaxis(gradOutput, 1, -1) * self.gamma, -1, 1)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        C = len(self.gamma)
        g = np.moveaxis(gradOutput, 1, -1).reshape(-1, C)
        x = np.moveaxis(input, 1, -1).reshape(-1, C)
        self.gradGamma = self.gradGamma + (g * x).sum(axis=0)
        self.gradBeta = self.gradBeta + g.sum(axis=0)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
