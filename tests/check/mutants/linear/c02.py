import numpy as np


class Linear:
    """y = x W^T + b"""

    def __init__(self, n_in, n_out):
        k = n_in ** -0.5
        self.W = np.random.rand(n_out, n_in) * 2 * k - k
        self.b = np.random.rand(n_out) * 2 * k - k
        self.training = True
        self.zeroGradParameters()

    def zeroGradParameters(self):
        self.gradW = np.zeros(self.W.shape)
        self.gradb = np.zeros(self.b.shape)

    def updateOutput(self, input):
        self.output = input @ self.W.T + self.b[None, :]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput @ self.W
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += gradOutput.T @ input
        self.gradb += gradOutput.sum(0)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
