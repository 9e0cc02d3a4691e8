import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.n = num_features
        self.momentum = momentum
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    def forward(self, input):
        self.updateOutput(input)
        return self.output

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        shape = [1] * input.ndim
        shape[1] = self.n
        axes = tuple(i for i in range(input.ndim) if i != 1)
        batch_mean = input.mean(axis=axes)
        batch_var = input.var(axis=axes)
        if self.training:
            self.mean, self.var = batch_mean, batch_var
        else:
            self.mean, self.var = self.moving_mean, self.moving_variance
        count = input.size // self.n
        correction = count / (count - 1) if count > 1 else 1
        self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * batch_mean
        self.moving_variance = (1 - self.momentum) * self.moving_variance + self.momentum * batch_var * correction
        self.output = (input - self.mean.reshape(shape)) / np.sqrt(self.var.reshape(shape) + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        shape = [1] * input.ndim
        shape[1] = self.n
        axes = tuple(i for i in range(input.ndim) if i != 1)
        std = np.sqrt(self.var + self.EPS).reshape(shape)
        if self.training:
            xhat = (input - self.mean.reshape(shape)) / std
            gradOutput = (gradOutput - gradOutput.mean(axis=axes, keepdims=True)
                          - xhat * (gradOutput * xhat).mean(axis=axes, keepdims=True))
        self.gradInput = gradOutput / std
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
