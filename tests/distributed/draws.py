"""What several processes check of random numbers: dropout and noise are those of one process."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import numpy as np
from tests.distributed.launch import collect, main
from tests.distributed.training import _alone, _close, _data, _fit, _once

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, Dataset, IterableDataset, Subset
from rushlight.data.augment import Augmented, RandomAffine
from rushlight.data.transforms import Compose, Normalize
from rushlight.random import Generator, default_generator
from rushlight.train import Callback

HALF = np.array(0.5)


class Draws(nn.Module):
    """Multiplies by what a function draws for an input."""

    def __init__(self, draw: Any, generator: Generator | None = None) -> None:
        super().__init__()
        self.draw, self.generator = draw, generator

    def forward(self, x: Any) -> Any:
        if not self.training:
            return x
        drawn = self.draw(x, self.generator or default_generator)
        return x * rl.tensor(np.asarray(drawn, np.float64))


def _net(*layers: Any, norm: bool = True) -> nn.Sequential:
    rl.manual_seed(0)
    body: list[Any] = [nn.Conv2d(1, 6, 3), *([nn.BatchNorm2d(6)] if norm else []), nn.ReLU()]
    return nn.Sequential(*body, *layers, nn.Flatten(), nn.Linear(216, 3)).to(rl.float64)


def _same(joined: Any, make: Any, make_alone: Any = None, **given: Any) -> None:
    """Hold a training in several processes equal to that in one, and the places in the streams."""
    given = {"optimizer": "sgd", "restore_best": False, "epochs": 1, **given}
    found = _fit(model=make(), **given)
    places = joined.gather_objects(default_generator.pack().tobytes())
    assert places.count(places[0]) == joined.size
    expected = _alone(model=(make_alone or make)(), **given)
    _close(found, expected, 1e-11)
    assert places[0] == default_generator.pack().tobytes()
    texts = joined.gather_objects((repr(found[0]), [a.tobytes() for a in found[1].values()]))
    assert texts.count(texts[0]) == joined.size


def _dropping(norm: bool = True) -> nn.Sequential:
    return _net(nn.Dropout(0.5), nn.Dropout2d(0.3), nn.AlphaDropout(0.1), norm=norm)


def check_dropout(joined: Any) -> None:
    _same(joined, _dropping, epochs=2)


def check_dropout_of_ragged_batches(joined: Any) -> None:
    """Of 7 samples the last batch has 1: in the others, too, there are ranks that have none."""
    for norm in (True, False):
        for accumulate in (1, 2):
            small = {"data": _data(7), "batch_size": 2 + norm, "validation": _data(5)}
            _same(joined, lambda norm=norm: _dropping(norm), accumulate=accumulate, **small)


def check_channels_last(joined: Any) -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Dropout(0.4), nn.MaxPool2d(2))

        def forward(self, x: Any) -> Any:
            return nn.functional.dropout(self.convs(x), 0.3, self.training).flatten(1)

    def make() -> nn.Sequential:
        rl.manual_seed(0)
        return nn.Sequential(Pooled(), nn.Linear(54, 3)).double()

    _same(joined, make)


def check_sequences(joined: Any) -> None:
    """Of what a recurrent net drops, (T, N, H), the second axis are the rows."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(8, 5, num_layers=2, dropout=0.5, batch_first=True)
            self.out = nn.Linear(5, 3)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(x[:, 0, :7])[0][:, -1])

    def make() -> nn.Module:
        rl.manual_seed(0)
        return Last().double()

    _same(joined, make)


DISTRIBUTIONS = {
    "normal": lambda x, g: g.normal(x.shape, 1.0, 0.1),
    "uniform": lambda x, g: g.uniform(x.shape, 0.5, 1.5),
    "random": lambda x, g: g.random(x.shape, np.dtype("float32")) + 0.5,
    "half": lambda x, g: g.random(x.shape, np.dtype("float16")) + 0.5,
    "integers": lambda x, g: g.integers(1, 4, x.shape),
    "bernoulli": lambda x, g: g.bernoulli(x.shape, 0.7),
    "exponential": lambda x, g: g.exponential(x.shape, 1.0),
    "cauchy": lambda x, g: np.clip(g.cauchy(x.shape, 1.0, 0.1), -2, 2),
    "geometric": lambda x, g: g.geometric(x.shape, 0.5),
    "of each row": lambda x, g: g.uniform((len(x), 1, 1, 1), 0.5, 1.5),
    "of all rows": lambda x, g: g.uniform((), 0.5, 1.5),
    "of each channel": lambda x, g: g.uniform((1, 6, 1, 1), 0.5, 1.5),
}


def check_distributions(joined: Any) -> None:
    """18 of a batch are 9, or 4 and 5, for each rank: neither 1 nor 6 nor a part of them."""
    for draw in DISTRIBUTIONS.values():
        _same(joined, lambda draw=draw: _net(Draws(draw)), batch_size=18, data=_data(48))


def check_generators_of_the_model(joined: Any) -> None:
    """Those of the first rank count, whatever the seeds of the others."""

    def make(seed: int) -> nn.Sequential:
        return _net(Draws(DISTRIBUTIONS["normal"], Generator(seed)), nn.Dropout(0.2))

    _same(joined, lambda: make(7 + joined.rank), lambda: make(7), batch_size=18)


def check_what_cannot_be_cut_differs(joined: Any) -> None:
    """Tokens of all rows in one, permutations and counts: each rank's own, and all stay in step."""
    seen: dict[str, list[Any]] = {}

    def note(name: str, drawn: Any) -> Any:
        seen.setdefault(name, []).append(np.asarray(drawn).tolist())
        return 1.0

    draws = {
        "tokens": lambda x, g: note("tokens", g.normal((len(x) * 6, 2))),
        "permutation": lambda x, g: note("permutation", g.permutation(len(x))),
        "poisson": lambda x, g: note("poisson", g.poisson(np.full((len(x), 2), 50.0))),
        "binomial": lambda x, g: note("binomial", g.binomial(np.full((len(x), 2), 99), HALF)),
    }
    for name, draw in draws.items():
        runs = []
        for _ in range(2):
            seen.clear()
            _fit(model=_net(Draws(draw)), epochs=2, batch_size=36, validation=None, data=_data(72))
            runs.append(seen[name])
            places = joined.gather_objects(default_generator.pack().tolist())
            assert places.count(places[0]) == joined.size, name
        assert runs[0] == runs[1]  # from run to run
        assert len({repr(drawn) for drawn in runs[0]}) == len(runs[0])  # from step to step
        assert len({repr(run) for run in joined.gather_objects(runs[0])}) == joined.size


def check_a_rank_that_draws_more(joined: Any) -> None:
    """Whoever draws alone is back in step with the others after the step."""

    class Alone(Callback):
        def on_batch_end(self, **facts: Any) -> None:
            places = joined.gather_objects(default_generator.pack().tolist())
            assert places.count(places[0]) == joined.size
            if joined.rank == 0:
                rl.randn(3)

    found = _fit(model=_dropping(), callbacks=[Alone()])
    texts = joined.gather_objects((repr(found[0]), [a.tobytes() for a in found[1].values()]))
    assert texts.count(texts[0]) == joined.size


def check_validation_that_draws(joined: Any) -> None:
    class Always(nn.Module):
        def forward(self, x: Any) -> Any:
            return nn.functional.dropout(x, 0.3, training=True)

    _same(joined, lambda: _net(Always()), validation=_data(9), validate_every=2)


class Noisy(Dataset[Any]):
    """Images with new noise whenever one is read."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return rl.tensor(self.x[index]) + rl.randn(1, 8, 8).double(), int(self.y[index])


class Stream(IterableDataset[Any]):
    """Images made at random."""

    def __iter__(self) -> Any:
        for _ in range(30):
            yield rl.randn(1, 8, 8).double(), int(rl.randint(0, 3, ()).item())


class Images(Dataset[Any]):
    """Images that go through a transform, in batches."""

    def __init__(self, transform: Any) -> None:
        (self.x, self.y), self.transform = _data(30), transform

    @property
    def varies(self) -> bool:
        return self.transform.varies

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> Any:
        return self.transform(rl.tensor(self.x[index])), rl.tensor(self.y[index])

    def batch_reader(self) -> Any:
        return lambda index: list(self[index])


def check_transforms_that_draw(joined: Any) -> None:
    """Of a plain warp, which draws a seed for a batch; of one by seed, epoch and index."""
    plain, affine = Normalize(0.5, 0.5), RandomAffine(20, translate=(0.2, 0.2))

    def own() -> Any:
        return RandomAffine(20, generator=Generator(5))

    for make, varies in [
        (lambda: Images(affine), True),
        (lambda: Images(Compose([plain, affine])), True),
        (lambda: Subset(Images(own()), range(3, 25)), True),
        (lambda: Augmented(Images(plain), affine, 3), False),
        (lambda: Augmented(Images(plain), Compose([affine, plain]), 3), False),
        (lambda: Augmented(Images(affine), plain, 3), True),
    ]:
        assert make().varies == varies
        found = _fit(model=_dropping(), data=(make(),), validation=None, optimizer="sgd")
        _close(
            found,
            _once(model=_dropping(), data=(make(),), validation=None, optimizer="sgd"),
            1e-11,
        )


def check_data_that_draws(joined: Any) -> None:
    data = Noisy(*_data(30))
    _same(joined, _dropping, data=(data,), validation=None)
    loader = {"batch_size": None, "validation": None}
    _same(joined, _dropping, data=(DataLoader(Stream(), 8),), **loader)


def check_without_seed(joined: Any) -> None:
    """Two trainings in a row, whose draws the default generator of the first rank decides."""
    for _ in range(2):
        _same(joined, _dropping, seed=None)


def check_resume_on_another_count(joined: Any) -> None:
    """From a step in the middle of an epoch: by one process, then by all, and the other way."""
    from rushlight.train import Checkpoint

    def parts(name: str, last: int) -> dict[str, Any]:
        folder = pathlib.Path(sys.argv[1], name)
        keeper = Checkpoint(folder, interval=0, every_steps=2)
        made = {"callbacks": [keeper], "optimizer": "sgd", "restore_best": False, "epochs": 2}
        return {"model": _dropping(), "max_steps": last, "resume": "auto", **made}

    whole = _once(model=_dropping(), optimizer="sgd", restore_best=False)
    if joined.first:
        _alone(**parts("one", 2))
    joined.barrier()
    _close(_fit(**parts("one", 99)), whole, 1e-11)
    _fit(**parts("all", 2))
    joined.barrier()
    if joined.first:
        _close(_alone(**parts("all", 99)), whole, 1e-11)
    joined.barrier()


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
