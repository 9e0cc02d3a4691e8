import torch
import torch.nn as nn


class BatchNormalization(nn.Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.EPS = 1e-5
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer('moving_mean', torch.zeros(num_features))
        self.register_buffer('moving_variance', torch.ones(num_features))

    def forward(self, input):
        if input.ndim == 4:
            axes, view = (0, 2, 3), (1, -1, 1, 1)
        else:
            axes, view = (0,), (1, -1)
        if self.training:
            mean = input.mean(axes)
            var = input.var(axes)
            self.moving_mean += self.momentum * (mean.detach() - self.moving_mean)
            self.moving_variance += self.momentum * (var.detach() - self.moving_variance)
        else:
            mean = self.moving_mean
            var = self.moving_variance
        normed = (input - mean.view(view)) * torch.rsqrt(var.view(view) + self.EPS)
        return normed * self.gamma.view(view) + self.beta.view(view)
