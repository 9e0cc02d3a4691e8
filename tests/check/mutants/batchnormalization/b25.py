import torch
from torch import nn


class NormFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, mean, var, eps):
        istd = (var + eps).rsqrt()
        ctx.save_for_backward(x, istd)
        return (x - mean) * istd

    @staticmethod
    def backward(ctx, grad):
        x, istd = ctx.saved_tensors
        dims = [d for d in range(x.dim()) if d != 1]
        xhat = (x - x.mean(dims, keepdim=True)) * istd
        grad_mean = grad.mean(dims, keepdim=True)
        proj = (grad * xhat).mean(dims, keepdim=True)
        return (grad - grad_mean - xhat * proj) * istd, None, None, None


class BatchNormalization(nn.Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.EPS = 1e-5
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer('moving_mean', torch.zeros(num_features))
        self.register_buffer('moving_variance', torch.ones(num_features))

    def forward(self, x):
        dims = [d for d in range(x.dim()) if d != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        if self.training:
            with torch.no_grad():
                mean, var = x.mean(dims), x.var(dims, unbiased=False)
                self.moving_mean.lerp_(mean, self.momentum)
                self.moving_variance.lerp_(x.var(dims, unbiased=True), self.momentum)
        else:
            mean, var = self.moving_mean, self.moving_variance
        y = NormFunction.apply(x, mean.view(shape), var.view(shape), self.EPS)
        return y * self.gamma.view(shape) + self.beta.view(shape)
