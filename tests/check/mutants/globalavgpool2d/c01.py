import numpy as np


class GlobalAvgPool2d(object):
    def __init__(self):
        self.output, self.gradInput = None, None
        self.training = True

    def updateOutput(self, input):
        self.output = input.mean(axis=-1).mean(axis=-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        size = input.shape[2]
        g = gradOutput[:, :, np.newaxis, np.newaxis] / size ** 2
        self.gradInput = g * np.ones_like(input)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        return None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False
