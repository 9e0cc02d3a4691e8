import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Dropout(Module):
    def __init__(self, p=0.5):
        super(Dropout, self).__init__()
        self.p = p
        self.mask = None
        self._pull = lambda g: g

    def updateOutput(self, input):
        if self.training:
            dropped = np.random.uniform(0, 1, input.shape) < self.p
            scale = 1. / (1. - self.p)
            self.mask = ~dropped
            self._pull = lambda g: np.where(dropped, 0., g * scale)
        else:
            self._pull = lambda g: g
        self.output = self._pull(input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = self._pull(gradOutput)
        return self.gradInput

    def __repr__(self):
        return "Dropout"
