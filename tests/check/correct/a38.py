import numpy as np


class ChannelwiseScaling:
    def __init__(self, channels):
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.gradGamma, self.gradBeta = np.zeros(channels), np.zeros(channels)
        self.training = True

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, dy):
        self.accGradParameters(x, dy)
        return self.updateGradInput(x, dy)

    def updateOutput(self, x):
        y = np.empty(x.shape)
        for c, (g, b) in enumerate(zip(self.gamma, self.beta)):
            y[:, c] = g * x[:, c] + b
        self.output = y
        return y

    def updateGradInput(self, x, dy):
        dx = np.empty(x.shape)
        for c, g in enumerate(self.gamma):
            dx[:, c] = g * dy[:, c]
        self.gradInput = dx
        return dx

    def accGradParameters(self, x, dy):
        n, c = x.shape[:2]
        x3, dy3 = x.reshape(n, c, -1), dy.reshape(n, c, -1)
        np.add(self.gradGamma, np.einsum('ncp,ncp->c', x3, dy3), out=self.gradGamma)
        np.add(self.gradBeta, np.einsum('ncp->c', dy3), out=self.gradBeta)

    def zeroGradParameters(self):
        self.gradGamma *= 0
        self.gradBeta *= 0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
