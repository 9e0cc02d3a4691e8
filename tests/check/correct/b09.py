import numpy as np


class Dropout(object):
    def __init__(self, p=0.5):
        if not (0 <= p < 1):
            raise ValueError('p is the probability to drop, 0 <= p < 1')
        self.p = p
        self.mask = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        if not self.training:
            self.output = input.copy()
            return self.output
        self.mask = np.random.binomial(n=1, p=1 - self.p, size=input.shape).astype(np.uint8)
        self.output = np.where(self.mask == 1, input / (1 - self.p), 0.)
        return self.output

    def updateGradInput(self, input, gradOutput):
        if not self.training:
            self.gradInput = gradOutput.copy()
            return self.gradInput
        self.gradInput = gradOutput * self.mask / (1 - self.p)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False

    def __repr__(self):
        return "Dropout(p={})".format(self.p)
