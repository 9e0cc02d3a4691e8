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


class Linear(Module):
    def __init__(self, n_in, n_out):
        stdv = 1. / np.sqrt(n_in)
        self.theta = np.random.uniform(-stdv, stdv, (n_out, n_in + 1))
        self.dtheta = np.zeros_like(self.theta)
        self.W, self.b = self.theta[:, :-1], self.theta[:, -1]
        self.gradW, self.gradb = self.dtheta[:, :-1], self.dtheta[:, -1]

    def updateOutput(self, x):
        self.output = np.dot(x, self.W.T)
        self.output += self.b
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = np.dot(gradOutput, self.W)
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        x1 = np.hstack([x, np.ones((x.shape[0], 1))])
        self.dtheta += np.dot(gradOutput.T, x1)

    def zeroGradParameters(self):
        self.dtheta.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
