"""A language model of characters that learns a rhyme by heart, as one would write it with torch.

The text is cut into rows that are read side by side, a chunk at a time; the state of a chunk goes
on into the next, its gradient does not. Only the imports tell which library runs it.
"""

import sys

import rushlight as torch
import rushlight.nn as nn

TEXT = """Humpty Dumpty sat on a wall,
Humpty Dumpty had a great fall.
All the king's horses and all the king's men
Couldn't put Humpty together again.
"""
LETTERS = sorted(set(TEXT))


class Writer(nn.Module):
    """Two layers of LSTM over characters, and the odds of the character that follows."""

    def __init__(self, size, hidden=64):
        super().__init__()
        self.lstm = nn.LSTM(size, hidden, num_layers=2)
        self.head = nn.Linear(hidden, size)

    def forward(self, x, state=None):
        y, state = self.lstm(x, state)
        return self.head(y), state


def encode(codes):
    return nn.functional.one_hot(codes, len(LETTERS)).float()


def make_model():
    return Writer(len(LETTERS))


def make_data(rows=4):
    """Return characters (T, rows, letters) as one hot, and those that follow, (T, rows)."""
    codes = torch.tensor([LETTERS.index(letter) for letter in TEXT * rows])
    steps = len(TEXT) - 1
    starts = torch.arange(rows) * (len(TEXT) + len(TEXT) // rows)
    at = (starts + torch.arange(steps).unsqueeze(1)) % len(codes)
    return encode(codes[at]), codes[(at + 1) % len(codes)]


def train(model, data, steps=50, lr=1e-2, chunk=36):
    """Read the text chunk by chunk, over and over; return the loss of each step."""
    x, following = data
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    losses, state, at = [], None, 0
    for _ in range(steps):
        optimizer.zero_grad()
        scores, state = model(x[at : at + chunk], state)
        loss = loss_of(scores.flatten(0, 1), following[at : at + chunk].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        state, at = tuple(part.detach() for part in state), at + chunk
        if at >= len(x):
            state, at = None, 0
    return losses


def write(model, start="Humpty", letters=60):
    """Let the model go on from some characters, each time with the likeliest one."""
    model.eval()
    text, state = start, None
    x = encode(torch.tensor([LETTERS.index(letter) for letter in start]))
    with torch.no_grad():
        for _ in range(letters):
            scores, state = model(x, state)
            code = scores[-1].argmax()
            text += LETTERS[code.item()]
            x = encode(code.unsqueeze(0))
    return text


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_model()
    losses = train(model, make_data(), steps=int(sys.argv[1]) if len(sys.argv) > 1 else 300)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print(write(model))
