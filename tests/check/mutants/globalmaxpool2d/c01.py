import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class GlobalMaxPool2d(Module):
    def updateOutput(self, input):
        self.output = np.amax(input, axis=(2, 3))
        self.max_mask = input == self.output[:, :, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = self.max_mask * gradOutput[:, :, None, None]
        return self.gradInput
