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


class ReLU(Module):
    def updateOutput(self, x):
        n, m = x.shape
        self.output = np.zeros((n, m))
        for i in range(n):
            for j in range(m):
                if x[i, j] > 0:
                    self.output[i, j] = x[i, j]
        return self.output

    def updateGradInput(self, x, gradOutput):
        n, m = x.shape
        self.gradInput = np.zeros((n, m))
        for i in range(n):
            for j in range(m):
                if x[i, j] > 0:
                    self.gradInput[i, j] = gradOutput[i, j]
        return self.gradInput
