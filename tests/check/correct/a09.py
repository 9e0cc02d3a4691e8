import numpy as np


class Module(object):
    # базовый класс из условия
    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, input):
        """Прямой проход"""
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        """Обратный проход: сначала по входу, потом по параметрам"""
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class SoftMax(Module):
    def updateOutput(self, input):
        # start with normalization for numerical stability
        self.output = np.subtract(input, input.max(axis=1, keepdims=True))
        self.output = np.exp(self.output)
        self.output = self.output / np.sum(self.output, axis=1, keepdims=True)
        return self.output

    def updateGradInput(self, input, gradOutput):
        batch_size, n_feats = self.output.shape
        a = self.output.reshape(batch_size, n_feats, -1)
        b = self.output.reshape(batch_size, -1, n_feats)
        self.gradInput = np.multiply(gradOutput.reshape(batch_size, -1, n_feats),
                                     np.subtract(np.multiply(np.eye(n_feats), a),
                                                 np.multiply(a, b))).sum(axis=2)
        return self.gradInput

    def __repr__(self):
        return "SoftMax"
