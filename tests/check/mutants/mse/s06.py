import numpy as np


class MSECriterion(object):
    def __init__(self):
        self.output, self.gradInput = None, None

    def forward(self, input, target):
        return self.updateOutput(input, target)

    def backward(self, input, target):
        return self.updateGradInput(input, target)

    def updateOutput(self, input, target):
        total = 0.0
        for x, t in zip(input, target):
            total += 0.5 * np.linalg.norm(x - t) ** 2
        self.output = total / input.shape[0]
        return self.output

    def updateGradInput(self, input, target):
        self.gradInput = (input - target) / input.shape[0]
        return self.gradInput
