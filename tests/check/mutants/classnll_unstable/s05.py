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
        n = input.shape[0]
        loss = 0.
        for i in range(n):
            p = np.clip(input[i], self.EPS, 1 - self.EPS)
            loss -= np.dot(target[i], np.log(p))
            self.output = loss / n
            return self.output

    def updateGradInput(self, input, target):
        n = input.shape[0]
        self.gradInput = np.empty_like(input)
        for i in range(n):
            p = np.clip(input[i], self.EPS, 1 - self.EPS)
            self.gradInput[i] = -target[i] / p / n
        return self.gradInput
