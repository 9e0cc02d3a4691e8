import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        self.stride = self.kernel_size if stride is None else stride
        if isinstance(self.stride, int):
            self.stride = (self.stride,) * 2
        self.padding = padding

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def windows(self, x):
        v = np.lib.stride_tricks.sliding_window_view(x, self.kernel_size, axis=(2, 3), writeable=x.flags.writeable)
        return v[:, :, ::self.stride[0], ::self.stride[1]]

    def updateOutput(self, input):
        kh, kw = self.kernel_size
        self.output = np.einsum('nchwij->nchw', self.windows(input)) / (kh * kw)
        return self.output

    def updateGradInput(self, input, gradOutput):
        kh, kw = self.kernel_size
        self.gradInput = np.zeros_like(input)
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                a, b = i * self.stride[0], j * self.stride[1]
                self.gradInput[:, :, a:a + kh, b:b + kw] += gradOutput[:, :, i, j][:, :, None, None] / (kh * kw)
        return self.gradInput
