"""A small U-Net that learns to find discs in noisy images, as one would write it with torch.

Only the imports tell which library runs it: with torch's names there, it is the same program.
"""

import sys

import rushlight as torch
import rushlight.nn as nn


class Double(nn.Sequential):
    """Two convolutions, each normalized and rectified."""

    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3, padding=1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, padding=1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """Two levels down, two up again; each joins what it had on the way down."""

    def __init__(self, channels=1, classes=2, width=8):
        super().__init__()
        self.down1 = Double(channels, width)
        self.down2 = Double(width, 2 * width)
        self.bottom = Double(2 * width, 4 * width)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.join2 = Double(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.join1 = Double(2 * width, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        c = self.bottom(self.pool(b))
        y = self.join2(torch.cat([b, self.up2(c)], dim=1))
        y = self.join1(torch.cat([a, self.up1(y)], dim=1))
        return self.head(y)


def make_model():
    return UNet()


def make_data(n=8, size=16, noise=0.5):
    """Return images (n, 1, size, size) of one disc each, and which pixels are in it."""
    center = torch.rand(2, n, 1, 1) * size
    radius = torch.rand(n, 1, 1) * (size / 4) + size / 8
    cell = torch.arange(size)
    apart = (cell.view(-1, 1) - center[0]) ** 2 + (cell - center[1]) ** 2
    inside = apart < radius**2
    images = inside.float() + noise * torch.randn(n, size, size)
    return images.unsqueeze(1), inside.long()


def train(model, data, steps=50, lr=1e-2):
    """Train on the whole of the data; return the loss of each step."""
    images, labels = data
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(model, data):
    """Return the share of pixels that are labelled right."""
    images, labels = data
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(dim=1) == labels).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_model()
    losses = train(model, make_data(), steps=int(sys.argv[1]) if len(sys.argv) > 1 else 50)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print(f"pixels right in new images {accuracy(model, make_data()):.3f}")
