import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        if stride is None:
            stride = kernel_size
        self.kh, self.kw = (kernel_size, kernel_size) if np.isscalar(kernel_size) else kernel_size
        self.sh, self.sw = (stride, stride) if np.isscalar(stride) else stride
        self.ph, self.pw = (padding, padding) if np.isscalar(padding) else padding
        self.training = True

    def updateOutput(self, input):
        x = np.pad(input, ((0, 0), (0, 0), (self.ph, self.ph), (self.pw, self.pw)))
        w = np.lib.stride_tricks.sliding_window_view(x, (self.kh, self.kw), axis=(2, 3))
        self.output = w[:, :, ::self.sh, ::self.sw].mean(axis=(-2, -1))
        return self.output

    def updateGradInput(self, input, gradOutput):
        n, c, h, w = input.shape
        full = np.zeros((n, c, h + 2 * self.ph, w + 2 * self.pw))
        share = gradOutput / (self.kh * self.kw)
        for i in range(share.shape[2]):
            for j in range(share.shape[3]):
                full[:, :, i * self.sh:i * self.sh + self.kh, j * self.sw:j * self.sw + self.kw] = share[:, :, i, j, None, None]
        self.gradInput = full[:, :, self.ph:self.ph + h, self.pw:self.pw + w]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
