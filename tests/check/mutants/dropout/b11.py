import numpy as np


class Dropout:
    def __init__(self, p=0.5, seed=42):
        self.p = p
        self.seed = seed
        self.training = True
        self.mask = None

    def updateOutput(self, input):
        if not self.training:
            self.output = input
            return self.output
        rng = np.random.RandomState(self.seed)  # для воспроизводимости
        keep = rng.uniform(size=input.shape) >= self.p
        self.mask = keep / (1 - self.p)
        self.output = input * self.mask
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask if self.training else gradOutput
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
