import numpy as np
from scipy.special import ndtr


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


class Gelu(Module):
    def updateOutput(self, input):
        self.output = input * ndtr(input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        density = np.exp(-0.5 * input * input) / np.sqrt(2 * np.pi)
        self.gradInput = (ndtr(input) + input * density) * gradOutput
        return self.gradInput


GELU = Gelu
