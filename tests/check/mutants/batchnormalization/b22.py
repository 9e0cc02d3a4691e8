import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        shape = (1, -1) if input.ndim == 2 else (1, -1, 1, 1)
        axis = 0 if input.ndim == 2 else (0, 2, 3)
        if self.training:
            mean = np.mean(input, axis=axis)
            var = np.var(input, axis=axis)
            self.moving_mean = self.moving_mean + self.momentum * (mean - self.moving_mean)
            s2 = np.var(input, axis=axis, ddof=1)
            self.moving_variance = self.moving_variance + self.momentum * (s2 - self.moving_variance)
        else:
            mean = self.moving_mean
            var = self.moving_variance
        self.std = np.sqrt(var + self.EPS).reshape(shape)
        self.output = (input - mean.reshape(shape)) / self.std
        return self.output

    def updateGradInput(self, input, gradOutput):
        axis = 0 if input.ndim == 2 else (0, 2, 3)
        if self.training:
            t = gradOutput - self.output * np.mean(gradOutput * self.output, axis=axis, keepdims=True)
            self.gradInput = (t - np.mean(gradOutput, axis=axis, keepdims=True)) / self.std
        else:
            self.gradInput = gradOutput / self.std
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
