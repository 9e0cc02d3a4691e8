import torch
from torch import nn


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        positive = x > 0
        ctx.save_for_backward(positive)
        return torch.where(positive, x, torch.zeros_like(x))

    @staticmethod
    def backward(ctx, grad_output):
        positive, = ctx.saved_tensors
        return grad_output * positive.to(grad_output.dtype)


class ReLU(nn.Module):
    def forward(self, x):
        return _Relu.apply(x)
