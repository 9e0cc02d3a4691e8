import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        self.kernel_size = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
        self.stride = (stride,) * 2 if isinstance(stride, int) else stride
        if padding == 'same':
            self.padding = self.kernel_size[0] // 2, self.kernel_size[1] // 2
        elif padding == 'valid':
            self.padding = 0, 0
        else:
            self.padding = (padding,) * 2 if isinstance(padding, int) else padding
        scale = np.sqrt(2 / (in_channels * np.prod(self.kernel_size)))
        self.W = np.random.normal(0, scale, (out_channels, in_channels, *self.kernel_size))
        self.gradW = np.zeros_like(self.W)
        self.b = np.zeros(out_channels) if bias else None
        self.gradb = np.zeros(out_channels) if bias else None

    def _view(self, padded):
        v = np.lib.stride_tricks.sliding_window_view(padded, self.kernel_size, axis=(2, 3))
        return v[:, :, ::self.stride[0], ::self.stride[1]]

    def _pad(self, x):
        ph, pw = self.padding
        return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))

    def updateOutput(self, input):
        self.output = np.tensordot(self._view(self._pad(input)), self.W, ((1, 4, 5), (1, 2, 3)))
        if self.b is not None:
            self.output = self.output + self.b
        self.output = self.output.transpose(0, 3, 1, 2)
        return self.output

    def updateGradInput(self, input, gradOutput):
        padded = np.zeros_like(self._pad(input))
        contrib = np.tensordot(gradOutput, self.W, (1, 0))  # n h w c i j
        for y in range(gradOutput.shape[2]):
            for x in range(gradOutput.shape[3]):
                top, left = y * self.stride[0], x * self.stride[1]
                padded[:, :, top:top + self.kernel_size[0], left:left + self.kernel_size[1]] += contrib[:, y, x]
        ph, pw = self.padding
        self.gradInput = padded[:, :, ph:ph + input.shape[2], pw:pw + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.tensordot(gradOutput, self._view(self._pad(input)), ((0, 2, 3), (0, 2, 3)))
        if self.b is not None:
            self.gradb += gradOutput.sum((0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        if self.b is not None:
            self.gradb.fill(0)

    def getParameters(self):
        return [self.W] if self.b is None else [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW] if self.b is None else [self.gradW, self.gradb]
