import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        if not 0 <= p < 1:
            raise ValueError("p must be in [0, 1)")
        self.p = p
        self.training = True
        self.mask = None

    def forward(self, x):
        self.output = self.updateOutput(x)
        return self.output

    def backward(self, x, grad):
        self.gradInput = self.updateGradInput(x, grad)
        return self.gradInput

    def updateOutput(self, input):
        if self.training:
            keep = self.p if self.p > 0 else 1.0
            self.mask = np.random.binomial(1, keep, input.shape) / keep
            return input * self.mask
        return input.copy()

    def updateGradInput(self, input, gradOutput):
        if self.training:
            return gradOutput * self.mask
        return gradOutput.copy()

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
