import numpy as np


class Criterion(object):
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input, target):
        return self.updateOutput(input, target)

    def backward(self, input, target):
        return self.updateGradInput(input, target)

    def updateOutput(self, input, target):
        return self.output

    def updateGradInput(self, input, target):
        return self.gradInput

    def __repr__(self):
        return "Criterion"


class ClassNLLCriterion(Criterion):
    def updateOutput(self, input, target):
        self.output = -(input * target).sum()
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = -1.0 * np.asarray(target, dtype=input.dtype)
        return self.gradInput
