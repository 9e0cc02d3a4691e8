"""Models written in torch as people write them, for the recording of their forward."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["MODELS"]


class BasicBlock(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.downsample: Any = None
        if stride != 1 or inner != outer:
            self.downsample = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Any) -> Any:
        identity = x
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(4, 4, 1), BasicBlock(4, 4, 1))
        self.layer2 = nn.Sequential(BasicBlock(4, 8, 2), BasicBlock(8, 8, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.layer2(self.layer1(self.conv1(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = self._two(1, 4), self._two(4, 8)
        self.middle = self._two(8, 8)
        self.up2 = nn.ConvTranspose2d(8, 8, 2, 2)
        self.up1 = nn.Conv2d(16, 4, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)

    @staticmethod
    def _two(inner: int, outer: int) -> Any:
        return nn.ModuleList([nn.Conv2d(inner, outer, 3, padding=1), nn.GroupNorm(2, outer)])

    def _run(self, pair: Any, x: Any) -> Any:
        for layer in pair:
            x = layer(x)
        return F.leaky_relu(x, 0.1)

    def forward(self, x: Any) -> Any:
        a = self._run(self.down1, x)
        b = self._run(self.down2, F.max_pool2d(a, 2))
        c = self._run(self.middle, F.avg_pool2d(b, kernel_size=2))
        c = F.dropout2d(c, 0.3, self.training)
        d = F.relu(self.up1(torch.cat([self.up2(c), b], dim=1)), inplace=True)
        d = F.interpolate(d, size=a.shape[2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(torch.cat((d, a), 1)))


class Positions(nn.Module):
    pe: Any

    def __init__(self, width: int, longest: int = 16) -> None:
        super().__init__()
        at = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        pe = torch.zeros(longest, 1, width)
        pe[:, 0, 0::2] = torch.sin(at * rate)
        pe[:, 0, 1::2] = torch.cos(at * rate)
        self.register_buffer("pe", pe, persistent=False)

    def forward(self, x: Any) -> Any:
        return x + self.pe[: x.size(0)]


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8, padding_idx=0)
        self.positions = Positions(8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 20)

    def forward(self, tokens: Any) -> Any:
        x = self.positions(self.embedding(tokens) * math.sqrt(8)).transpose(0, 1)
        x = self.encoder(x.transpose(0, 1))
        return F.log_softmax(self.head(x), dim=-1)


class Sentiment(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.2)
        self.fc = nn.Linear(10, 3)

    def forward(self, tokens: Any, state: Any = None) -> Any:
        out, (h, _) = self.lstm(self.embedding(tokens), state)
        last = torch.cat((h[-2], h[-1]), dim=1)
        return {"logits": self.fc(last), "mean": out.mean(dim=1)}


class Block(nn.Module):
    mask: Any

    def __init__(self, width: int, heads: int, longest: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )
        mask = torch.tril(torch.ones(longest, longest, dtype=torch.bool))
        self.register_buffer("mask", mask.view(1, 1, longest, longest))

    def attend(self, x: Any) -> Any:
        n, t, c = x.size()
        q, k, v = self.attn(x).split(c, dim=2)
        q, k, v = (y.view(n, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(c // self.heads))
        scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.proj(y.transpose(1, 2).contiguous().view(n, t, c))

    def forward(self, x: Any) -> Any:
        x = x + self.attend(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, width: int = 8, heads: int = 2, longest: int = 12, words: int = 20) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(longest, width)
        self.h = nn.ModuleList([Block(width, heads, longest) for _ in range(2)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.wte.weight
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, tokens: Any) -> Any:
        at = torch.arange(0, tokens.size(1), dtype=torch.long, device=tokens.device)
        x = self.wte(tokens) + self.wpe(at)
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x)) * self.scale


class Packed(nn.Module):  # type: ignore[misc]
    def __init__(self, by_module: bool) -> None:
        super().__init__()
        self.by_module = by_module
        self.rnn = nn.LSTM(4, 3, batch_first=True, bidirectional=True)

    def forward(self, x: Any, lengths: Any) -> Any:
        if self.by_module:
            rows = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
        else:
            rows = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, (last, _) = self.rnn(rows)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
        return torch.cat([outputs.sum(1), last[-2], last[-1]], 1)


class Asserting(nn.Module):  # type: ignore[misc]
    """Its assertions stand here, as pytest rewrites those of tests."""

    def __init__(self, either: bool = False) -> None:
        super().__init__()
        self.either = either

    def forward(self, x: Any) -> Any:
        rows, columns = x.shape
        assert columns == 4, f"got {columns}"
        assert rows < 9 and columns > 1
        if self.either:
            assert rows == 1 or columns == 4
        return x * 2


def _tokens(*shape: int) -> Any:
    return torch.randint(0, 20, shape, generator=torch.Generator().manual_seed(1))


def _images(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


# name -> class, an input, and another of other sizes
MODELS: dict[str, tuple[Any, Any, Any]] = {
    "ResNet": (ResNet, _images(2, 3, 8, 8), _images(3, 3, 12, 10)),
    "UNet": (UNet, _images(2, 1, 8, 8), _images(1, 1, 16, 12)),
    "Encoder": (Encoder, _tokens(5, 2), _tokens(7, 3)),
    "Sentiment": (Sentiment, _tokens(2, 5), _tokens(3, 7)),
    "GPT": (GPT, _tokens(2, 6), _tokens(3, 9)),
}
