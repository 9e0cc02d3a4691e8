import numpy as np


def sigmoid(t):
    return (1 + np.tanh(t / 2)) / 2


def dsigmoid(t):
    return sigmoid(t) * (1 - sigmoid(t))


class Sigmoid:
    def __init__(self):
        self.training = True

    def updateOutput(self, input):
        self.output = sigmoid(input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * dsigmoid(self.output)
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
