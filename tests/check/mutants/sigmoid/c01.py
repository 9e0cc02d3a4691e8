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


class Sigmoid(Module):
    def updateOutput(self, input):
        e = np.exp(-np.abs(input))
        self.output = np.where(input >= 0, 1 / (1 + e), e / (1 + e))
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * input * (1 - input)
        return self.gradInput
