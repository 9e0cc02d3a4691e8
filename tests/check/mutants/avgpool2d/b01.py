import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        p2 = lambda v: v if isinstance(v, tuple) else (v, v)
        self.kernel_size = p2(kernel_size)
        self.stride = self.kernel_size if stride is None else p2(stride)
        self.padding = p2(padding)

    def cells(self, shape):
        H, W = shape[2:]
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        for i in range((H + 2 * ph - kh) // sh + 1):
            for j in range((W + 2 * pw - kw) // sw + 1):
                y, x = i * sh - ph, j * sw - pw
                yield i, j, slice(max(y, 0), min(y + kh, H)), slice(max(x, 0), min(x + kw, W))

    def updateOutput(self, input):
        H, W = input.shape[2:]
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        self.output = np.zeros(input.shape[:2] + ((H + 2 * ph - kh) // sh + 1, (W + 2 * pw - kw) // sw + 1))
        for i, j, r, c in self.cells(input.shape):
            self.output[:, :, i, j] = input[:, :, r, c].mean(axis=(2, 3))
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for i, j, r, c in self.cells(input.shape):
            area = (r.stop - r.start) * (c.stop - c.start)
            self.gradInput[:, :, r, c] += gradOutput[:, :, i:i + 1, j:j + 1] / area
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def accGradParameters(self, input, gradOutput):
        pass
