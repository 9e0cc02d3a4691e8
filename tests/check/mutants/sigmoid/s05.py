import numpy as np
from scipy.special import expit


class Module(object):
    # базовый класс из условия
    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, input):
        """Прямой проход"""
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        """Обратный проход: сначала по входу, потом по параметрам"""
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class ReLU(Module):
    def updateOutput(self, input):
        self.output = np.maximum(input, 0)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * (input > 0)
        return self.gradInput


class Sigmoid(Module):
    def updateOutput(self, input):
        self.output = expit(input)

    def updateGradInput(self, input, gradOutput):
        s = expit(input)
        self.gradInput = gradOutput * s * (1 - s)
        return self.gradInput


class Tanh(Module):
    def updateOutput(self, input):
        self.output = np.tanh(input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * (1 - np.tanh(input) ** 2)
        return self.gradInput
