import torch
import torch.nn as nn
import torch.nn.functional as F


class GELU(nn.Module):
    """Gaussian error linear unit"""

    def __init__(self):
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.gelu(x)
        return out
