"""The architectures of the zoo, written in torch for the tests, under the names of the originals.

They are written from the papers and from the names in published checkpoints, not with the code
that they test; forward is the shortest that is right.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["GPT2", "VGG", "CharRNN", "LeNet", "MobileNetV2", "ResNet"]


class LeNet(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2 = nn.Linear(400, 120), nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Any) -> Any:
        for conv in (self.conv1, self.conv2):
            x = F.max_pool2d(conv(x).relu(), (2, 2))
        return self.fc3(self.fc2(self.fc1(x.flatten(1)).relu()).relu())


class Residual(nn.Module):
    def __init__(self, inner: int, planes: int, stride: int, deep: bool) -> None:
        super().__init__()
        outer = planes * (4 if deep else 1)
        shapes = [(inner, planes, 1), (planes, planes, 3), (planes, outer, 1)]
        if not deep:
            shapes = [(inner, planes, 3), (planes, planes, 3)]
        self.count = len(shapes)
        strided = 2 if deep else 1
        for i, (a, b, k) in enumerate(shapes, 1):
            step = stride if i == strided else 1
            self.add_module(f"conv{i}", nn.Conv2d(a, b, k, step, k // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(b))
        if stride > 1 or inner != outer:
            shortcut = nn.Conv2d(inner, outer, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outer))

    def forward(self, x: Any) -> Any:
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y.relu() if i < self.count else y
        return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class ResNet(nn.Module):
    def __init__(self, deep: bool, blocks: list[int], num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inner = width
        for i, count in enumerate(blocks):
            stage = []
            for j in range(count):
                stride = 2 if i and not j else 1
                stage.append(Residual(inner, width << i, stride, deep))
                inner = (width << i) * (4 if deep else 1)
            self.add_module(f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inner, num_classes)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


class VGG(nn.Module):
    def __init__(self, plan: list[Any], norm: bool, num_classes: int, width: int = 64) -> None:
        super().__init__()
        layers: list[Any] = []
        inner = 3
        for size in plan:
            if size == "M":
                layers.append(nn.MaxPool2d(2))
                continue
            outer = size * width // 64
            layers.append(nn.Conv2d(inner, outer, 3, padding="same"))
            layers += [nn.BatchNorm2d(outer)] * norm + [nn.ReLU()]
            inner = outer
        self.features = nn.Sequential(*layers)
        hidden = 64 * width
        self.classifier = nn.Sequential(
            *(nn.Linear(49 * inner, hidden), nn.ReLU(), nn.Identity()),
            *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Identity(), nn.Linear(hidden, num_classes)),
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 7).flatten(1))


def _conv(inner: int, outer: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
    conv = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), nn.ReLU6())


class Inverted(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int, times: int) -> None:
        super().__init__()
        wide = inner * times
        first = [_conv(inner, wide, 1)] if times > 1 else []
        last = [nn.Conv2d(wide, outer, 1, bias=False), nn.BatchNorm2d(outer)]
        self.conv = nn.Sequential(*first, _conv(wide, wide, 3, stride, wide), *last)
        self.added = stride == 1 and inner == outer

    def forward(self, x: Any) -> Any:
        return self.conv(x) + (x if self.added else 0)


class MobileNetV2(nn.Module):
    def __init__(self, channels: list[int], num_classes: int) -> None:
        super().__init__()
        first, *stages, last = channels
        layers, inner = [_conv(3, first, 3, 2)], first
        counts, strides = (1, 2, 3, 4, 3, 3, 1), (1, 2, 2, 2, 1, 2, 1)
        for outer, count, stride in zip(stages, counts, strides, strict=True):
            for j in range(count):
                times = 6 if len(layers) > 1 else 1
                layers.append(Inverted(inner, outer, 1 if j else stride, times))
                inner = outer
        self.features = nn.Sequential(*layers, _conv(inner, last, 1))
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(last, num_classes))

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).mean((2, 3)))


class CharRNN(nn.Module):
    def __init__(self, symbols: int, hidden: int, kind: str, layers: int) -> None:
        super().__init__()
        self.encoder = nn.Embedding(symbols, hidden)
        self.rnn = getattr(nn, kind.upper())(hidden, hidden, layers)
        self.decoder = nn.Linear(hidden, symbols)

    def forward(self, text: Any) -> Any:
        out, _ = self.rnn(self.encoder(text.T))
        return self.decoder(out).transpose(0, 1)


class Conv1D(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inner, outer))
        self.bias = nn.Parameter(torch.empty(outer))

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        attention = {"c_attn": Conv1D(width, 3 * width), "c_proj": Conv1D(width, width)}
        self.attn = nn.ModuleDict(attention)
        self.ln_2 = nn.LayerNorm(width)
        mlp = {"c_fc": Conv1D(width, 4 * width), "c_proj": Conv1D(4 * width, width)}
        self.mlp = nn.ModuleDict(mlp)

    def forward(self, x: Any) -> Any:
        n, t, c = x.shape
        parts = self.attn["c_attn"](self.ln_1(x)).chunk(3, -1)
        q, k, v = (p.reshape(n, t, self.heads, -1).transpose(1, 2) for p in parts)
        scores = q @ k.transpose(2, 3) / (c // self.heads) ** 0.5
        scores = scores + torch.full((t, t), float("-inf"), dtype=x.dtype).triu(1)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, c)
        x = x + self.attn["c_proj"](y)
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, words: int, longest: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.wte = nn.Embedding(words, width)
        self.transformer.wpe = nn.Embedding(longest, width)
        self.transformer.h = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.transformer.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, text: Any) -> Any:
        parts: Any = self.transformer
        x = parts.wte(text) + parts.wpe.weight[: text.shape[1]]
        for block in parts.h:
            x = block(x)
        return self.lm_head(parts.ln_f(x))
