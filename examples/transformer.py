"""A small Transformer that learns to turn sequences around, as one would write it with torch.

Only the imports tell which library runs it: with torch's names there, it is the same program.
"""

import math
import sys

import rushlight as torch
import rushlight.nn as nn

PAD, BEGIN, END, WORDS = 0, 1, 2, 13  # the words proper are 3 to 12


class Positions(nn.Module):
    """Adds sines and cosines of the position, of ever longer waves."""

    def __init__(self, width, longest=64):
        super().__init__()
        position = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        waves = torch.zeros(longest, width)
        waves[:, 0::2] = torch.sin(position * rate)
        waves[:, 1::2] = torch.cos(position * rate)
        self.register_buffer("waves", waves)

    def forward(self, x):
        return x + self.waves[: x.size(1)]


class Translator(nn.Module):
    """Words in, scores of the next word out, for each word so far."""

    def __init__(self, width=32, heads=4, layers=1, hidden=64, dropout=0.0):
        super().__init__()
        self.width = width
        self.words = nn.Embedding(WORDS, width, padding_idx=PAD)
        self.positions = Positions(width)
        self.transformer = nn.Transformer(
            d_model=width,
            nhead=heads,
            num_encoder_layers=layers,
            num_decoder_layers=layers,
            dim_feedforward=hidden,
            dropout=dropout,
            activation="gelu",
            batch_first=True,
        )
        self.scores = nn.Linear(width, WORDS)

    def embed(self, words):
        return self.positions(self.words(words) * math.sqrt(self.width))

    def forward(self, src, tgt):
        n = tgt.size(1)
        later = torch.triu(torch.ones(n, n, dtype=torch.bool), diagonal=1)
        padding = src == PAD
        y = self.transformer(
            self.embed(src),
            self.embed(tgt),
            tgt_mask=later,
            src_key_padding_mask=padding,
            tgt_key_padding_mask=tgt == PAD,
            memory_key_padding_mask=padding,
        )
        return self.scores(y)


def make_model():
    return Translator()


def make_data(n=16, longest=7):
    """Return sequences of 3 to `longest` words with padding behind, and the same turned around."""
    words = torch.randint(3, WORDS, (n, longest))
    length = torch.randint(3, longest + 1, (n, 1))
    place = torch.arange(longest)
    src = torch.where(place < length, words, torch.tensor(PAD))
    turned = words.gather(1, (length - 1 - place).clamp(min=0))
    turned = torch.where(place < length, turned, torch.tensor(PAD))
    turned = torch.cat([turned, torch.full((n, 1), PAD)], dim=1)
    turned = turned.scatter(1, length, torch.full((n, 1), END))
    return src, turned


def train(model, data, steps=50, lr=1e-3):
    """Train on the whole of the data; return the loss of each step."""
    src, tgt = data
    begun = torch.cat([torch.full((tgt.size(0), 1), BEGIN), tgt[:, :-1]], dim=1)
    loss_of = nn.CrossEntropyLoss(ignore_index=PAD)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model(src, begun).flatten(0, 1), tgt.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def translate(model, src, longest=8):
    """Return the likeliest words, one after the other."""
    model.eval()
    tgt = torch.full((src.size(0), 1), BEGIN)
    with torch.no_grad():
        for _ in range(longest):
            word = model(src, tgt)[:, -1].argmax(dim=-1, keepdim=True)
            tgt = torch.cat([tgt, word], dim=1)
    return tgt[:, 1:]


def accuracy(model, data):
    """Return the share of the words that are translated right."""
    src, tgt = data
    real = tgt != PAD
    return (translate(model, src, tgt.size(1)) == tgt)[real].float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_model()
    data = make_data(256)
    losses = train(model, data, steps=int(sys.argv[1]) if len(sys.argv) > 1 else 150, lr=3e-3)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print(f"words right {accuracy(model, data):.3f}, in new sequences", end=" ")
    print(f"{accuracy(model, make_data(256)):.3f}")
