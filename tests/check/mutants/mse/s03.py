import numpy as np


class MSECriterion:
    def forward(self, pred, y):
        return self.updateOutput(pred, y)

    def backward(self, pred, y):
        return self.updateGradInput(pred, y)

    def updateOutput(self, pred, y):
        diff = (pred - y).ravel()
        self.output = diff.dot(diff) / len(pred)
        return self.output

    def updateGradInput(self, pred, y):
        self.gradInput = (pred - y) / len(pred)
        return self.gradInput
