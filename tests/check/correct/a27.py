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


class Tanh(Module):
    def updateOutput(self, x):
        self.y = np.tanh(x.astype(np.float32))
        self.output = self.y.astype(x.dtype)
        return self.output

    def updateGradInput(self, x, gradOutput):
        y = np.tanh(x.astype(np.float32))
        self.gradInput = ((1 - y * y) * gradOutput.astype(np.float32)).astype(x.dtype)
        return self.gradInput
