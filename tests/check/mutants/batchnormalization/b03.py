import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.num_features = num_features
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.gradGamma = np.zeros(num_features)
        self.gradBeta = np.zeros(num_features)
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    def _v(self, a, x):
        return a.reshape((1, self.num_features) + (1,) * (x.ndim - 2))

    def updateOutput(self, input):
        self.axes = (0,) if input.ndim == 2 else (0, 2, 3)
        if self.training:
            mean = input.mean(self.axes)
            var = input.var(self.axes)
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * mean
            self.moving_variance = (1 - self.momentum) * self.moving_variance + self.momentum * var
        else:
            mean = self.moving_mean
            var = self.moving_variance
        self.inv = 1.0 / np.sqrt(var + self.EPS)
        self.xn = (input - self._v(mean, input)) * self._v(self.inv, input)
        self.output = self._v(self.gamma, input) * self.xn + self._v(self.beta, input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        dxn = gradOutput * self._v(self.gamma, input)
        if self.training:
            dxn = (dxn - dxn.mean(self.axes, keepdims=True)
                   - self.xn * (dxn * self.xn).mean(self.axes, keepdims=True))
        self.gradInput = dxn * self._v(self.inv, input)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradGamma += (gradOutput * self.xn).sum(self.axes)
        self.gradBeta += gradOutput.sum(self.axes)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
