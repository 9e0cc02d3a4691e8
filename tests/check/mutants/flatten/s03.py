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


class Flatten(Module):
    def updateOutput(self, x):
        channels_last = np.moveaxis(x, 1, -1)
        self.output = channels_last.reshape(len(x), -1)
        return self.output

    def updateGradInput(self, x, gradOutput):
        shape = x.shape[:1] + x.shape[2:] + x.shape[1:2]
        self.gradInput = np.moveaxis(gradOutput.reshape(shape), -1, 1)
        return self.gradInput
