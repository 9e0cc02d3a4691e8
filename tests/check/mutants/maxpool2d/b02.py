import numpy as np


class MaxPool2d(object):
    def __init__(self, kernel_size, stride=None, padding=0):
        stride = kernel_size if stride is None else stride
        self.kh, self.kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.sh, self.sw = (stride, stride) if isinstance(stride, int) else stride
        self.ph, self.pw = (padding, padding) if isinstance(padding, int) else padding
        self.output = None
        self.gradInput = None
        self.max_indices = None

    def updateOutput(self, input):
        N, C, H, W = input.shape
        padded = np.zeros((N, C, H + 2 * self.ph, W + 2 * self.pw))
        padded[:, :, self.ph:self.ph + H, self.pw:self.pw + W] = input
        OH = (padded.shape[2] - self.kh) // self.sh + 1
        OW = (padded.shape[3] - self.kw) // self.sw + 1
        self.output = np.zeros((N, C, OH, OW))
        self.max_indices = np.zeros((N, C, OH, OW, 2), dtype=int)
        for n in range(N):
            for c in range(C):
                for i in range(OH):
                    for j in range(OW):
                        top, left = i * self.sh, j * self.sw
                        window = padded[n, c, top:top + self.kh, left:left + self.kw]
                        y, x = np.unravel_index(np.argmax(window), window.shape)
                        self.output[n, c, i, j] = window[y, x]
                        self.max_indices[n, c, i, j] = top + y - self.ph, left + x - self.pw
        return self.output

    def updateGradInput(self, input, gradOutput):
        H, W = input.shape[2:]
        self.gradInput = np.zeros(input.shape)
        for pos in np.ndindex(*gradOutput.shape):
            y, x = self.max_indices[pos]
            if 0 <= y < H and 0 <= x < W:
                self.gradInput[pos[0], pos[1], y, x] += gradOutput[pos]
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)
