import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kh, self.kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.sh, self.sw = (stride, stride) if isinstance(stride, int) else (stride or (self.kh, self.kw))
        self.ph, self.pw = (padding, padding) if isinstance(padding, int) else padding

    def updateOutput(self, input):
        N, C, H, W = input.shape
        x = np.full((N, C, H + 2 * self.ph, W + 2 * self.pw), -np.inf)
        x[:, :, self.ph:self.ph + H, self.pw:self.pw + W] = input
        self.oh = (x.shape[2] - self.kh) // self.sh + 1
        self.ow = (x.shape[3] - self.kw) // self.sw + 1
        cols = np.empty((N, C, self.oh, self.ow, self.kh * self.kw))
        for t in range(self.kh * self.kw):
            a, b = divmod(t, self.kw)
            cols[..., t] = x[:, :, a:a + self.sh * self.oh:self.sh, b:b + self.sw * self.ow:self.sw][:, :, :self.oh, :self.ow]
        self.max_indices = cols.argmax(axis=4)
        self.output = cols.max(axis=4)
        return self.output

    def updateGradInput(self, input, gradOutput):
        N, C, H, W = input.shape
        size = max(self.kh, self.kw)
        grad = np.zeros((N, C, H + 2 * self.ph + size, W + 2 * self.pw + size))
        a = self.max_indices // self.kh
        b = self.max_indices % self.kh
        n, c, i, j = np.ogrid[:N, :C, :self.oh, :self.ow]
        np.add.at(grad, (n, c, i * self.sh + a, j * self.sw + b), gradOutput)
        self.gradInput = grad[:, :, self.ph:self.ph + H, self.pw:self.pw + W]
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def accGradParameters(self, input, gradOutput):
        pass
