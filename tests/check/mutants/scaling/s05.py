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
        self.gradGamma = np.zeros_like(self.gamma)
        self.gradBeta = np.zeros_like(self.beta)

    def updateOutput(self, x):
        if x.ndim == 4:
            self.output = x * self.gamma[None, :, None, None] + self.beta[None, :, None, None]
        else:
            self.output = x * self.gamma + self.beta
        return self.output

    def updateGradInput(self, x, gradOutput):
        gamma = self.gamma[None, :, None, None] if x.ndim == 4 else self.gamma
        self.gradInput = gradOutput * gamma
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        gg, gb = gradOutput * x, gradOutput
        if x.ndim == 4:
            gg, gb = gg.mean(axis=(2, 3)), gb.mean(axis=(2, 3))
        self.gradGamma += gg.sum(axis=0)
        self.gradBeta += gb.sum(axis=0)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
