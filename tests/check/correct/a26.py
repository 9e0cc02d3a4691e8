import numpy as np


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


class Sigmoid(Module):
    def updateOutput(self, input):
        with np.errstate(over='ignore'):
            self.output = 1. / (1. + np.exp(-input))
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.multiply(np.multiply(gradOutput, self.output), 1. - self.output)
        return self.gradInput

    def __repr__(self):
        return "Sigmoid"
