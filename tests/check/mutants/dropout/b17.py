import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        self.p = p
        self.mask = None
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        if self.training:
            size = input.shape[:2] + (1,) * (input.ndim - 2)
            self.mask = np.random.binomial(1, 1 - self.p, size=size)
            self.output = input * self.mask / (1 - self.p)
        else:
            self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            self.gradInput = gradOutput * self.mask / (1 - self.p)
        else:
            self.gradInput = gradOutput
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def accGradParameters(self, input, gradOutput):
        pass

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
