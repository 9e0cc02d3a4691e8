import numpy as np


class MSECriterion:
    output = None
    gradInput = None

    def _both(self, pred, y):
        d = pred - y
        n = d.shape[0]
        return float(np.vdot(d, d)) / n, d * (2.0 / n)

    def updateOutput(self, pred, y):
        self.output, _ = self._both(pred, y)
        return self.output

    def updateGradInput(self, pred, y):
        _, self.gradInput = self._both(pred, y)
        return self.gradInput

    def forward(self, pred, y):
        return self.updateOutput(pred, y)

    def backward(self, pred, y):
        return self.updateGradInput(pred, y)
