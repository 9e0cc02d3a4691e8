import math

import numpy as np


class SoftMax(object):
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    @staticmethod
    def _row(row):
        top = max(row)
        e = [math.exp(v - top) for v in row]
        s = math.fsum(e)
        return [v / s for v in e]

    def updateOutput(self, input):
        self.output = np.array([self._row(r) for r in input.tolist()])
        return self.output

    def updateGradInput(self, input, gradOutput):
        res = np.zeros(input.shape)
        for n in range(input.shape[0]):
            p = np.array(self._row(input[n].tolist()))
            res[n] = p * (gradOutput[n] - p @ gradOutput[n])
        self.gradInput = res
        return res

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
