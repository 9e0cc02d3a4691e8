import numpy as np


def pair(v):
    return v if isinstance(v, tuple) else (v, v)


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.k = pair(kernel_size)
        self.s = self.k if stride is None else pair(stride)
        self.p = pair(padding)
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        win = np.lib.stride_tricks.sliding_window_view(x, self.k, axis=(2, 3))[:, :, ::sh, ::sw]
        flat = win.reshape(win.shape[:4] + (kh * kw,))
        self.max_indices = flat.argmax(axis=-1)
        self.output = np.take_along_axis(flat, self.max_indices[..., None], axis=-1)[..., 0]
        self.padded_shape = x.shape
        return self.output

    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        grad = np.zeros(self.padded_shape)
        n, c, i, j = np.indices(gradOutput.shape)
        rows = i * sh + self.max_indices // kw
        cols = j * sw + self.max_indices % kw
        np.add.at(grad, (n, c, rows, cols), gradOutput)
        self.gradInput = grad[:, :, ph:ph + input.shape[2], pw:pw + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
