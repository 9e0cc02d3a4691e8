"""A recurrent model of text, symbol by symbol."""

from __future__ import annotations

from typing import Any

from rushlight import nn
from rushlight.errors import explain
from rushlight.models.sampling import check_sampling, go_on
from rushlight.random import Generator
from rushlight.tensor import Tensor

__all__ = ["CharRNN"]

_CELLS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class CharRNN(nn.Module):
    """Symbols -> Embedding -> RNN, GRU or LSTM -> Linear -> scores of the next symbol.

    Args:
        input_size: int, how many symbols there are.
        hidden_size: int, width of the embedding and of the hidden state.
        output_size: int, scores of each step; default None, input_size.
        model: 'gru', 'lstm' or 'rnn'; default 'gru'.
        n_layers: int, recurrent layers; default 1.
        dropout: float, between recurrent layers, in training; default 0.

    Shape:
        (N, T) of int64 -> (N, T, output_size), and the hidden state

    Attributes:
        encoder: Embedding(input_size, hidden_size).
        rnn: the recurrent layers, batch first.
        decoder: Linear(hidden_size, output_size).

    Raises:
        ValueError: for another model.

    Example:
        >>> import rushlight as rl
        >>> model = rl.models.CharRNN(input_size=50, hidden_size=16, model="lstm")
        >>> scores, state = model(rl.zeros(2, 7, dtype="int64"))
        >>> scores.shape
        (2, 7, 50)
        >>> model.generate(rl.tensor([[3, 1, 4]]), 5, temperature=0).shape
        (1, 8)

    Source: Karpathy: The unreasonable effectiveness of recurrent neural networks (2015),
        https://karpathy.github.io/2015/05/21/rnn-effectiveness/; the names:
        https://github.com/spro/char-rnn.pytorch
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int | None = None,
        model: str = "gru",
        n_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if model.lower() not in _CELLS:
            raise ValueError(explain("CharRNN", got=f"model={model!r}", expected=sorted(_CELLS)))
        self.model = model.lower()
        self.input_size, self.hidden_size, self.n_layers = input_size, hidden_size, n_layers
        self.output_size = input_size if output_size is None else output_size
        self.encoder = nn.Embedding(input_size, hidden_size)
        cell: Any = _CELLS[self.model]
        self.rnn = cell(hidden_size, hidden_size, n_layers, batch_first=True, dropout=dropout)
        self.decoder = nn.Linear(hidden_size, self.output_size)

    def forward(self, input: Tensor, hidden: Any = None) -> tuple[Tensor, Any]:
        """Return the scores of the symbol after each one, and the hidden state.

        Args:
            input: (N, T) of int64, the symbols.
            hidden: the state behind earlier symbols, as it was returned; default None, zeros.
        """
        out, hidden = self.rnn(self.encoder(input), hidden)
        return self.decoder(out), hidden

    def generate(
        self,
        input: Tensor,
        max_new_tokens: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        """Go on with a text, in evaluation mode and without gradients.

        Args:
            input: (N, T) of int64 with T > 0, the beginning.
            max_new_tokens: int, symbols to add.
            temperature: float, divides the scores; 0 takes the likeliest symbol; default 1.
            top_k: int, draw from that many of the likeliest; default None, from all.
            generator: to draw from; default the one that `rushlight.manual_seed` restarts.

        Returns:
            (N, T + max_new_tokens): the beginning and what was added.

        Raises:
            ValueError: for an empty beginning, or numbers that make no sense.
        """
        options = max_new_tokens, temperature, top_k
        check_sampling("CharRNN.generate", input, *options)
        hidden = None

        def scores(read: Tensor) -> Tensor:
            nonlocal hidden
            found, hidden = self(read, hidden)
            return found

        return go_on(self, scores, input, *options, generator)
