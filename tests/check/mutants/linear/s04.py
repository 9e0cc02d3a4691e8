import numpy as np


class Linear(object):
    """Полносвязный слой."""

    def __init__(self, n_in, n_out):
        self.output = None
        self.gradInput = None
        self.training = True
        std = 1. / np.sqrt(n_in)
        self.W = np.random.uniform(-std, std, size=(n_out, n_in))
        self.b = np.random.uniform(-std, std, size=n_out)
        self.zeroGradParameters()

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        self.output = np.matmul(input, self.W.transpose())
        self.output += self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.matmul(gradOutput, self.W)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.matmul(gradOutput.transpose(), input)
        self.gradb += np.sum(gradOutput, axis=0)

    def zeroGradParameters(self):
        self.gradW = np.zeros(self.W.shape)
        self.gradb = np.zeros(self.b.shape)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
