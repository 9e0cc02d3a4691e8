import numpy as np


class ClassNLLCriterion:
    def forward(self, input, target):
        return self.updateOutput(input, target)

    def backward(self, input, target):
        return self.updateGradInput(input, target)

    def updateOutput(self, input, target):
        self.output = -np.mean(target * input)
        return self.output

    def updateGradInput(self, input, target):
        n_all = np.prod(input.shape)
        self.gradInput = -target / n_all
        return self.gradInput
