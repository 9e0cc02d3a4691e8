import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        stdv = 1. / np.sqrt(n_in)
        self.W = np.random.uniform(-stdv, stdv, size=(n_out, n_in))
        self.b = np.random.uniform(-stdv, stdv, size=n_out)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def updateOutput(self, input):
        # (1, out, in) x (N, in, 1) -> (N, out, 1)
        prod = np.matmul(self.W[np.newaxis], input[:, :, np.newaxis])
        self.output = prod.squeeze() + self.b
        return self.output

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput @ self.W
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += (gradOutput[:, :, None] * input[:, None, :]).sum(axis=0)
        self.gradb += gradOutput.sum(axis=0)

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
