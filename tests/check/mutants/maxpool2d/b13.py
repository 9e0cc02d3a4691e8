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


class MaxPool2d(Module):
    def __init__(self, kernel_size):
        super(MaxPool2d, self).__init__()
        self.kernel_size = kernel_size

    def updateOutput(self, input):
        n, c, h, w = input.shape
        k = self.kernel_size
        assert h % k == 0 and w % k == 0
        windows = input.reshape(n, c, h // k, w // k, k * k)
        self.max_indices = np.argmax(windows, axis=-1)
        self.output = np.max(windows, axis=-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        n, c, h, w = input.shape
        k = self.kernel_size
        grad = np.zeros((n, c, h // k, w // k, k * k))
        np.put_along_axis(grad, self.max_indices[..., None], gradOutput[..., None], axis=-1)
        self.gradInput = grad.reshape(n, c, h, w)
        return self.gradInput

    def __repr__(self):
        return 'MaxPool2d, kern %d' % self.kernel_size
