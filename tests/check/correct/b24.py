import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        stride = kernel_size if stride is None else stride
        self.kh, self.kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
        self.sh, self.sw = (stride,) * 2 if isinstance(stride, int) else stride
        self.ph, self.pw = (padding,) * 2 if isinstance(padding, int) else padding
        self.training = True

    def updateOutput(self, input):
        N, C, H, W = input.shape
        x = np.full((N, C, H + 2 * self.ph, W + 2 * self.pw), -np.inf)
        x[:, :, self.ph:self.ph + H, self.pw:self.pw + W] = input
        oh = (x.shape[2] - self.kh) // self.sh + 1
        ow = (x.shape[3] - self.kw) // self.sw + 1
        out = np.full((N, C, oh, ow), -np.inf)
        self.max_indices = np.zeros((N, C, oh, ow), dtype=np.int64)
        top = (np.arange(oh) * self.sh - self.ph)[:, None]
        left = np.arange(ow) * self.sw - self.pw
        for i in range(self.kh):
            for j in range(self.kw):
                cand = x[:, :, i:i + (oh - 1) * self.sh + 1:self.sh, j:j + (ow - 1) * self.sw + 1:self.sw]
                better = cand > out
                out = np.where(better, cand, out)
                self.max_indices = np.where(better, (top + i) * W + left + j, self.max_indices)
        self.output = out
        return out

    def updateGradInput(self, input, gradOutput):
        N, C, H, W = input.shape
        plane = np.arange(N * C).reshape(N, C, 1, 1) * (H * W)
        flat = (plane + self.max_indices).ravel()
        self.gradInput = np.bincount(flat, weights=gradOutput.ravel(), minlength=input.size).reshape(input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput
