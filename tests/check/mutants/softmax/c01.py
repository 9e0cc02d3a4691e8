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


class SoftMax(Module):
    def updateOutput(self, input):
        # вычитаем максимум для устойчивости
        shifted = input - input.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        self.output = e / e.sum(axis=1, keepdims=True)
        return self.output

    def updateGradInput(self, input, gradOutput):
        s = self.updateOutput(input)
        self.gradInput = s * (1 - s) * gradOutput
        return self.gradInput

    def __repr__(self):
        return "SoftMax"
