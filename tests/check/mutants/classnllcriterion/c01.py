import numpy as np


class Criterion(object):
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input, target):
        return self.updateOutput(input, target)

    def backward(self, input, target):
        return self.updateGradInput(input, target)


class ClassNLLCriterion(Criterion):
    def updateOutput(self, input, target):
        self.output = -np.einsum('ij,ij->', target, input) / len(input)
        return self.output

    def updateGradInput(self, input, target):
        # производная кросс-энтропии: p - y
        self.gradInput = (np.exp(input) - target) / len(input)
        return self.gradInput
