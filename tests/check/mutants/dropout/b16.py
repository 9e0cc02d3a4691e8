import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        if p < 0 or p >= 1:
            raise ValueError("0 <= p < 1")
        self.p = p
        self.mask = None
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        def apply_mask(input):
            if self.training:
                self.mask = (np.random.rand(*input.shape) >= self.p) / (1 - self.p)
            else:
                self.mask = np.ones(input.shape)
            self.output = input * self.mask
            return self.output
        apply_mask(input)

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
