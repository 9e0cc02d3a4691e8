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
        logp = np.log(np.clip(input, 1e-15, 1))
        self.output = -np.mean(np.sum(target * logp, axis=1))
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = -target / np.clip(input, 1e-15, 1) / len(input)
        return self.gradInput
