import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        self.p = p
        self.training = True
        self._rng = None
        self.mask = None

    @property
    def rng(self):
        if self._rng is None:
            self._rng = np.random.default_rng()
        return self._rng

    def updateOutput(self, input):
        if self.training:
            keep = self.rng.random(input.shape) >= self.p
            self.mask = keep.astype(input.dtype) / (1 - self.p)
        else:
            self.mask = np.ones_like(input)
        self.output = self.mask * input
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = self.mask * gradOutput
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
