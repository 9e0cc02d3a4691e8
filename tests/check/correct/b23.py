import numpy as np


class Module:
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
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        pair = lambda v: v if isinstance(v, tuple) else (v, v)
        self.k, self.p = pair(kernel_size), pair(padding)
        self.s = self.k if stride is None else pair(stride)

    def updateOutput(self, input):
        (ph, pw), (sh, sw) = self.p, self.s
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
        win = np.lib.stride_tricks.sliding_window_view(x, self.k, axis=(2, 3))[:, :, ::sh, ::sw]
        win = win.reshape(win.shape[:4] + (-1,))
        self.max_indices = win.argmax(axis=-1)
        self.output = np.take_along_axis(win, self.max_indices[..., None], -1)[..., 0]
        return self.output

    def updateGradInput(self, input, gradOutput):
        (ph, pw), (sh, sw) = self.p, self.s
        n, c, h, w = input.shape
        grad = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
        dy, dx = np.unravel_index(self.max_indices, self.k)
        a, b, i, j = np.ogrid[:n, :c, :gradOutput.shape[2], :gradOutput.shape[3]]
        np.add.at(grad, (a, b, i * sh + dy, j * sw + dx), gradOutput)
        self.gradInput = grad[:, :, ph:ph + h, pw:pw + w]
        return self.gradInput
