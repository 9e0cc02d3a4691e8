import numpy as np


class ChannelwiseScaling:
    def __init__(self, num_channels):
        self.gamma = np.ones(num_channels)
        self.beta = np.zeros(num_channels)
        self.gradGamma = np.zeros(num_channels)
        self.gradBeta = np.zeros(num_channels)
        self.training = True

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, dout):
        self.updateGradInput(x, dout)
        self.accGradParameters(x, dout)
        return self.gradInput

    def updateOutput(self, x):
        shape = [1] * x.ndim
        shape[1] = -1
        self.output = self.gamma.reshape(shape) * x + self.beta.reshape(shape)
        return self.output

    def updateGradInput(self, x, dout):
        shape = [1] * x.ndim
        shape[1] = -1
        self.gradInput = self.gamma.reshape(shape) * dout
        return self.gradInput

    def accGradParameters(self, x, dout):
        axes = tuple(i for i in range(x.ndim) if i != 1)
        np.sum(dout * x, axis=axes, out=self.gradGamma)
        np.sum(dout, axis=axes, out=self.gradBeta)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
