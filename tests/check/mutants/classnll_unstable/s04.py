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


class ClassNLLCriterionUnstable(Criterion):
    EPS = 1e-15

    def updateOutput(self, input, target):
        self.clipped = np.clip(input, self.EPS, 1 - self.EPS)
        self.output = -np.sum(np.log(self.clipped) * target) / input.shape[0]
        return self.output

    def updateGradInput(self, input, target):
        clipped = np.clip(input, self.EPS, 1 - self.EPS)
        self.gradInput = -target / clipped
        return self.gradInput
