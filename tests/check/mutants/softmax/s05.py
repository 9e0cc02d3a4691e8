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
        x -= np.max(x, axis=1, keepdims=True)
        self.output = np.exp(x)
        self.output /= np.sum(self.output, axis=1, keepdims=True)
        return self.output

    def updateGradInput(self, x, gradOutput):
        prod = self.output * gradOutput
        self.gradInput = prod - self.output * prod.sum(axis=1)[:, None]
        return self.gradInput
