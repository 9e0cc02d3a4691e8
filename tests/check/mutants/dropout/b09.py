import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        self.p = p
        self.mask = None
        self.training = True

    def make_mask(self, shape):
        self.mask = (np.random.uniform(0, 1, shape) > self.p) / (1 - self.p)
        return self.mask

    def apply(self, x):
        if not self.training:
            return x
        return x * self.make_mask(x.shape)

    def updateOutput(self, input):
        self.output = self.apply(input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = self.apply(gradOutput)
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
