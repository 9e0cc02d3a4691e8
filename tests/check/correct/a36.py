import math

import numpy as np


class ClassNLLCriterionUnstable:
    def __init__(self, eps=1e-15):
        self.EPS = eps

    def forward(self, input, target):
        return self.updateOutput(input, target)

    def backward(self, input, target):
        return self.updateGradInput(input, target)

    def _clamp(self, p):
        return min(max(float(p), self.EPS), 1 - self.EPS)

    def updateOutput(self, input, target):
        loss = 0.0
        for i, j in zip(*np.nonzero(target)):
            loss -= target[i, j] * math.log(self._clamp(input[i, j]))
        self.output = loss / len(input)
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = np.zeros(input.shape)
        for i, j in zip(*np.nonzero(target)):
            self.gradInput[i, j] = -target[i, j] / self._clamp(input[i, j]) / len(input)
        return self.gradInput
