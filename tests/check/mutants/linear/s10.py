import numpy as np
import torch
from torch import nn


class Linear(object):
    def __init__(self, n_in, n_out):
        self.training = True
        self.net = nn.Linear(n_in, n_out).double()
        self.W = self.net.weight.detach().numpy()
        self.b = self.net.bias.detach().numpy()
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def _sync(self):
        with torch.no_grad():
            self.net.weight.copy_(torch.as_tensor(self.W))
            self.net.bias.copy_(torch.as_tensor(self.b))

    def updateOutput(self, input):
        self._sync()
        self.output = self.net(torch.tensor(input, dtype=torch.float64)).detach().numpy()
        return self.output

    def backward(self, input, gradOutput):
        self._sync()
        x = torch.tensor(input, dtype=torch.float64, requires_grad=True)
        self.net.zero_grad()
        self.net(x).backward(torch.tensor(gradOutput, dtype=torch.float64))
        self.gradInput = x.grad.numpy()
        self.gradW += self.net.weight.grad.numpy()
        self.gradb += self.net.bias.grad.numpy()
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
