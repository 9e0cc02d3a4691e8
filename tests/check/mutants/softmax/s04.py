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


class SoftMax(Module):
    def updateOutput(self, x):
        z = np.exp(x - x.max(axis=0))
        self.output = z / z.sum(axis=0)
        return self.output

    def updateGradInput(self, x, gradOutput):
        dot = (self.output * gradOutput).sum(axis=0)
        self.gradInput = self.output * (gradOutput - dot)
        return self.gradInput

    def __repr__(self):
        return 'SoftMax'
