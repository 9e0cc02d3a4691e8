import numpy as np


class Dropout(object):
    def __init__(self, p=0.5):
        self.p = p
        self.mask = np.array(1.)
        self.training = True
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        if not self.training:
            self.output = input
            return self.output
        self.mask = np.random.binomial(1, 1 - self.p, size=input.shape)
        self.output = input * self.mask / (1 - self.p)
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.mask.shape != gradOutput.shape:
            mask = np.ones_like(gradOutput)
        else:
            mask = self.mask
        self.gradInput = gradOutput * mask / (1 - self.p)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False

    def __repr__(self):
        return "Dropout"
