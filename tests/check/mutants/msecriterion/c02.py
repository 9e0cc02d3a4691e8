import numpy as np


class Criterion(object):
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input, target):
        return self.updateOutput(input, target)

    def backward(self, input, target):
        return self.updateGradInput(input, target)


class MSECriterion(Criterion):
    """Mean squared error."""

    def updateOutput(self, input, target):
        self.output = np.mean(np.square(input - target))
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = 2 * (input - target) / np.size(input)
        return self.gradInput

    def __repr__(self):
        return "MSECriterion"
