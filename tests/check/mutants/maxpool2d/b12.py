import numpy as np


def as_pair(v):
    return tuple(v) if hasattr(v, '__len__') else (v, v)


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = as_pair(kernel_size)
        self.stride = as_pair(kernel_size if stride is None else stride)
        self.padding = as_pair(padding)
        self.training = True

    def updateOutput(self, input):
        pad = [(0, 0), (0, 0)] + [(p, p) for p in self.padding]
        self.padded = np.pad(input, pad, mode='constant', constant_values=-np.inf)
        win = np.lib.stride_tricks.sliding_window_view(self.padded, self.kernel_size, axis=(2, 3))
        win = win[:, :, ::self.stride[0], ::self.stride[1]]
        win = win.reshape(win.shape[:-2] + (-1,))
        order = np.argsort(win, axis=-1, kind='stable')
        self.max_indices = order[..., -1]
        self.output = np.take_along_axis(win, order[..., -1:], axis=-1).squeeze(-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        grad = np.zeros(self.padded.shape)
        for n, c, i, j in np.ndindex(*gradOutput.shape):
            dy, dx = np.unravel_index(self.max_indices[n, c, i, j], self.kernel_size)
            grad[n, c, i * self.stride[0] + dy, j * self.stride[1] + dx] += gradOutput[n, c, i, j]
        (ph, pw), (h, w) = self.padding, input.shape[2:]
        self.gradInput = grad[:, :, ph:h + ph, pw:w + pw]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput
