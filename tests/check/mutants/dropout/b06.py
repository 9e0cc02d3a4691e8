import numpy as np


class Dropout:
    """Randomly zeroes elements with probability p."""

    def __init__(self, p=0.5):
        self.p = p
        self.mask = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        if self.training:
            self.mask = np.random.choice([0., 1.], size=input.shape, p=[self.p, 1 - self.p])
        else:
            self.mask = np.ones(input.shape)
        self.output = input * self.mask
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
