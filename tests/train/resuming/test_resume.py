"""Resuming: from where, to the same bits, and not another run."""

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
from tests.train import runs
from tests.train.nets import line, regressor, weights

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, Dataset, IterableDataset, TensorDataset
from rushlight.optim import lr_scheduler
from rushlight.train import Callback, Checkpoint, EarlyStopping, Event, Metric
from rushlight.train.resuming.generations import find
from rushlight.train.resuming.lock import FolderInUse, Locks

X, Y = line(40)


class Broken(Exception):
    """Stands for the death of a run."""


def breaker(step, event=Event.BATCH_END):
    """Return a callback that ends a run after a step, before anything is put in order."""

    def listener(*, trainer, **facts):
        if trainer.step == step:
            raise Broken

    return event, listener


def same(make, folder, steps, **options):
    """Hold a run that breaks off at each of some steps equal to one without a break."""
    options = {"validation": (X, Y), "epochs": 4, "batch_size": 7, **options}
    data = options.pop("data", lambda: (X, Y))
    whole = make(Checkpoint(folder / "whole", interval=0, every_steps=2))
    whole.fit(*data(), **options)
    for step in steps:
        broken = make(Checkpoint(folder / "broken", interval=0, every_steps=2), breaker(step))
        with pytest.raises(Broken):
            broken.fit(*data(), resume="auto", **options)
        rl.randn(3)
        np.random.random()  # noqa: NPY002
    last = make(Checkpoint(folder / "broken", interval=0, every_steps=2))
    last.fit(*data(), resume=True, **options)
    assert runs.outcome(last) == runs.outcome(whole)
    return last


def net(**options):
    """Return what makes a Trainer with dropout from its callbacks."""

    def make(*callbacks):
        rl.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))
        return regressor(model=model, callbacks=callbacks, **options)

    return make


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seed": None},
        {"scheduler": lambda o: lr_scheduler.StepLR(o, 3, gamma=0.5), "scheduler_step": "batch"},
        {"scheduler": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0), "warmup": 1.5},
        {"scheduler": "linear", "metrics": ["mae", "r2"], "restore_best": False},
        {"optimizer": "rmsprop", "clip_value": 0.1, "accumulate": 3},
        {"optimizer": "adagrad", "validate_every": 3},
    ],
    ids=["plain", "unseeded", "steps", "plateau", "curve", "accumulate", "validate"],
)
def test_the_same_bits_with(tmp_path, options):
    same(net(**options), tmp_path, (3, 5) if "accumulate" in options else (1, 9, 17))


def test_between_the_last_batch_of_an_epoch_and_its_end(tmp_path):
    make = net(scheduler=lambda o: lr_scheduler.StepLR(o, 1, gamma=0.5), optimizer="sgd")
    options = {"validation": (X, Y), "epochs": 3, "batch_size": 10}
    whole = make(Checkpoint(tmp_path / "whole"))
    whole.fit(X, Y, **options)
    for step in (4, 8):
        broken = make(
            Checkpoint(tmp_path / "broken", every_steps=1), breaker(step, Event.VALIDATION_END)
        )
        with pytest.raises(Broken):
            broken.fit(X, Y, resume="auto", **options)
    last = make(Checkpoint(tmp_path / "broken"))
    last.fit(X, Y, resume=True, **options)
    assert runs.outcome(last) == runs.outcome(whole)


class Even:
    """A sampler of the user's own, with a stream of its own and no epochs."""

    def __init__(self):
        self.random = np.random.default_rng(4)

    def __iter__(self):
        return iter(self.random.permutation(40)[:30].tolist())

    def __len__(self):
        return 30


class Noisy(Dataset):
    """A data set that draws at each sample, from three sources."""

    def __init__(self):
        self.own, self.other = np.random.default_rng(1), random.Random(2)

    def __getitem__(self, index):
        noise = self.own.normal() + self.other.random() + np.random.random()  # noqa: NPY002
        return rl.tensor(X[index] + np.float32(noise / 10)), rl.tensor(Y[index])

    def __len__(self):
        return len(X)


@pytest.mark.parametrize(
    "loader",
    [
        lambda: DataLoader(TensorDataset(X, Y), 7, shuffle=True),
        lambda: DataLoader(TensorDataset(X, Y), 7, sampler=Even()),
        lambda: DataLoader(TensorDataset(X, Y), batch_sampler=[[1, 2, 3], [4, 5], [6, 7, 8, 9]]),
        lambda: DataLoader(Noisy(), 7, shuffle=True, drop_last=True),
        lambda: Noisy(),
    ],
    ids=["shuffled", "sampler", "batch sampler", "noisy", "data set"],
)
def test_the_same_bits_from_a_loader_of_ones_own(tmp_path, loader):
    np.random.seed(0)  # noqa: NPY002
    data = loader()
    size = 7 if isinstance(data, Dataset) else None

    def fresh():
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        return (loader(),)

    same(net(seed=None), tmp_path, (1, 4, 8), data=fresh, batch_size=size)


def test_a_validation_loader_that_shuffles_goes_on_too(tmp_path):
    options = {"epochs": 4, "batch_size": 7}

    def run(folder, *callbacks, **more):
        held = DataLoader(TensorDataset(X, Y), 9, shuffle=True, generator=rl.Generator(3))
        trained = net()(Checkpoint(folder, interval=0), *callbacks)
        trained.fit(X, Y, validation=held, **options, **more)
        return runs.outcome(trained)

    whole = run(tmp_path / "whole")
    with pytest.raises(Broken):
        run(tmp_path / "broken", breaker(14))
    assert run(tmp_path / "broken", resume=True) == whole


class Stream(IterableDataset):
    """Yields the samples in an order of its own, drawn from the default generator."""

    def __iter__(self):
        for index in rl.randperm(40).tolist():
            yield X[index], Y[index]


def test_a_stream_is_read_again_up_to_the_place_and_that_is_said(tmp_path):
    with pytest.warns(UserWarning, match=r"batches are read again .* \(Stream\)"):
        same(net(), tmp_path, (5, 10), data=lambda: (Stream(),))


class Doubling(DataLoader):
    """A loader that does as it likes."""

    def __iter__(self):
        for x, y in super().__iter__():
            yield 2 * x, y


@pytest.mark.parametrize("keeps", [True, False])
def test_a_loader_of_another_class_is_read_again(tmp_path, keeps):
    def loader():
        return Doubling(TensorDataset(X, Y), 10, shuffle=True)

    whole = net()()
    whole.fit(loader(), epochs=3)
    broken = net()(Checkpoint(tmp_path, every_steps=1), breaker(7))
    with pytest.raises(Broken):
        broken.fit(loader(), epochs=3)
    last = net()(*[Checkpoint(tmp_path)] * keeps)
    with pytest.warns(UserWarning, match="2 batches are read again"):
        last.fit(loader(), epochs=3, resume=tmp_path)
    assert runs.outcome(last) == runs.outcome(whole)


class Kept(Metric):
    """A metric that keeps what no file can hold."""

    name = "kept"

    def reset(self):
        self.seen = set()

    def update(self, output, target):
        self.seen.add(len(output))

    def compute(self):
        return float(len(self.seen))


def test_with_a_metric_that_cannot_be_written_epochs_are_the_places(tmp_path):
    with pytest.warns(UserWarning, match="at the ends of epochs only: a metric holds"):
        same(net(metrics=[Kept()]), tmp_path, (3, 9))


class Tally(Callback):
    """Counts steps, and writes them down."""

    def __init__(self):
        self.steps = 0

    def on_batch_end(self, *, trainer, epoch, batch, loss):
        self.steps += 1

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]


def test_callbacks_of_ones_own_go_on_by_class_and_position(tmp_path):
    def run(folder, *more, **options):
        first, second = Tally(), Tally()
        second.steps = 100
        keeper = Checkpoint(folder, every_steps=1)
        trained = regressor(callbacks=[keeper, first, *more, second])
        trained.fit(X, Y, epochs=2, batch_size=10, **options)
        return first.steps, second.steps

    with pytest.raises(Broken):
        run(tmp_path, breaker(3))
    assert run(tmp_path, resume=True) == (8, 108)


class Unfreeze(Callback):
    """Lets the first layer train from the second epoch on."""

    def on_fit_begin(self, *, trainer, **facts):
        trainer.model[0].requires_grad_(False)

    def on_epoch_begin(self, *, trainer, epoch):
        if epoch == 2:
            trainer.model[0].requires_grad_(True)


def test_what_is_frozen_stays_so(tmp_path):
    make = net(optimizer="sgd")
    last = same(lambda *c: make(*c, Unfreeze()), tmp_path, (2, 9, 14))
    assert all(p.requires_grad for p in last.model.parameters())


def test_buffers_that_are_not_in_the_state_dict_go_on(tmp_path):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 1)
            self.register_buffer("calls", rl.zeros(1), persistent=False)

        def forward(self, x):
            self.calls.add_(1)
            return self.linear(x) * (1 + self.calls / 100)

    def make(*callbacks):
        rl.manual_seed(0)
        return regressor(model=Counting(), callbacks=callbacks)

    same(make, tmp_path, (2, 9))


def test_more_epochs_go_on_from_the_end(tmp_path):
    def run(folder, *epochs):
        for count in epochs:
            stopping = EarlyStopping(patience=3)
            trained = net()(Checkpoint(folder), stopping)
            trained.fit(X, Y, validation=(X, Y), epochs=count, resume="auto")
        return runs.outcome(trained)

    assert run(tmp_path / "one", 6) == run(tmp_path / "two", 2, 6)
    with pytest.raises(ValueError, match="epochs=3, expected 6 or more in all"):
        run(tmp_path / "two", 3)


def test_the_best_weights_go_with_the_run_into_another_folder(tmp_path):
    first = runs.trainer(tmp_path / "a", callbacks=())
    runs.fit(first, epochs=3)
    best = (tmp_path / "a" / "best.safetensors").read_bytes()
    (tmp_path / "a" / "best.safetensors").write_bytes(b"of an epoch that is yet to come")
    for out in ("a", "b"):
        again = runs.trainer(tmp_path / out)
        runs.fit(again, epochs=3, resume=tmp_path / "a")
        assert (tmp_path / out / "best.safetensors").read_bytes() == best


def test_a_second_fit_can_be_resumed_too(tmp_path):
    def run(folder, *callbacks):
        trained = net(scheduler="cosine")(Checkpoint(folder, every_steps=1), *callbacks)
        trained.fit(X, Y, epochs=2, batch_size=10)
        trained.fit(X, Y, epochs=3, batch_size=10)
        return runs.outcome(trained)

    whole = run(tmp_path / "whole")
    with pytest.raises(Broken):
        run(tmp_path / "broken", breaker(14))
    last = net(scheduler="cosine")(Checkpoint(tmp_path / "broken"))
    last.fit(X, Y, epochs=5, batch_size=10, resume=True)
    assert runs.outcome(last) == whole


def test_a_new_run_takes_the_place_of_an_old_one(tmp_path):
    regressor(out=tmp_path).fit(X, Y, epochs=3)
    regressor(out=tmp_path, callbacks=[breaker(1)], seed=9)
    fresh = regressor(callbacks=[Checkpoint(tmp_path), breaker(2)], seed=9)
    with pytest.raises(Broken):
        fresh.fit(X, Y, epochs=3, batch_size=10)
    assert [path.name for path in find(tmp_path / "last")] == ["step-00000000.ckpt"]


def test_where_there_is_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint in .*'auto' starts afresh"):
        regressor(out=tmp_path).fit(X, Y, epochs=1, resume=True)
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        regressor().fit(X, Y, epochs=1, resume=tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="a Trainer that writes no checkpoints"):
        regressor().fit(X, Y, epochs=1, resume="auto")
    with pytest.raises(TypeError, match="fit resume: got 3"):
        regressor().fit(X, Y, epochs=1, resume=3)
    assert len(regressor(out=tmp_path).fit(X, Y, epochs=1, resume="auto")) == 1


@pytest.mark.parametrize("what", ["run", "folder", "file"])
def test_a_path_names_a_run_a_folder_or_a_file(tmp_path, what):
    regressor(out=tmp_path).fit(X, Y, epochs=2)
    newest = find(tmp_path / "last")[0]
    path = {"run": tmp_path, "folder": tmp_path / "last", "file": str(newest)}[what]
    other = regressor()
    other.fit(X, Y, epochs=3, resume=path)
    whole = regressor()
    whole.fit(X, Y, epochs=3)
    assert runs.outcome(other) == runs.outcome(whole)


OTHERS = {
    "model": ({"model": nn.Linear(3, 2)}, {}, r"model.state.weight was float32 \(1, 3\), now"),
    "optimizer": ({"optimizer": "sgd"}, {}, "optimizer.kind was Adam, now SGD, expected"),
    "rate": ({"lr": 0.5}, {}, r"optimizer.groups\[0\].lr was 0.05, now 0.5"),
    "loss": ({"loss": "mae"}, {}, r"loss\[0\] was MSELoss\(\), now L1Loss\(\)"),
    "seed": ({"seed": 1}, {}, "seed was 0, now 1"),
    "metrics": ({"metrics": ["mae"]}, {}, r"metrics was \[\], now \['mae'\]"),
    "scheduler": ({"scheduler": "cosine"}, {}, "scheduler was None, now cosine"),
    "clip": ({"clip_norm": 2}, {}, "clip_norm was None, now 2"),
    "accumulate": ({"accumulate": 2}, {}, "accumulate was 1, now 2"),
    "callback": ({"callbacks": [EarlyStopping()]}, {}, "EarlyStopping 0 was not there"),
    "batch size": ({}, {"batch_size": 5}, "batch_size was 10, now 5"),
    "validation": ({}, {"validation": (X, Y)}, "validation_samples was None, now 40"),
    "order": ({}, {"shuffle": False}, "sampler was RandomSampler, now SequentialSampler"),
    "samples": ({}, {"x": X[:30], "y": Y[:30]}, "samples was 40, now 30"),
}


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Return the folder of a run."""
    folder = tmp_path_factory.mktemp("old")
    regressor(callbacks=[Checkpoint(folder)]).fit(X, Y, epochs=1, batch_size=10)
    return folder


@pytest.mark.parametrize("case", OTHERS)
def test_another_run_is_refused_with_what_is_different(old, case):
    options, given, text = OTHERS[case]
    trained = regressor(**options)
    before = weights(trained).copy()
    given = {"x": X, "y": Y, "batch_size": 10, **given}
    with pytest.raises(ValueError, match=text):
        trained.fit(given.pop("x"), given.pop("y"), epochs=2, resume=old, **given)
    np.testing.assert_array_equal(weights(trained), before)
    assert len(trained.history) == 0


def test_ctrl_c_leaves_a_place_to_go_on_from(tmp_path, ctrl_c):
    def press(*, trainer, **facts):
        if trainer.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    whole = net()()
    whole.fit(X, Y, validation=(X, Y), epochs=3, batch_size=10)
    broken = net()(Checkpoint(tmp_path), (Event.BATCH_END, press))
    assert broken.fit(X, Y, validation=(X, Y), epochs=3, batch_size=10).interrupted
    last = net()(Checkpoint(tmp_path))
    last.fit(X, Y, validation=(X, Y), epochs=3, batch_size=10, resume=True)
    assert runs.outcome(last) == runs.outcome(whole)


def test_a_run_that_a_limit_has_ended_goes_on_within_the_epoch(tmp_path):
    def run(folder, *limits):
        for limit in limits:
            keeper = Checkpoint(folder, interval=0)
            trained = net(max_steps=limit, scheduler="cosine")(keeper)
            trained.fit(X, Y, validation=(X, Y), epochs=3, batch_size=10, resume="auto")
        return runs.outcome(trained)

    assert run(tmp_path / "whole", None) == run(tmp_path / "pieces", 3, 4, 4, 9, None)


def test_a_limit_at_the_end_of_an_epoch_writes_the_state_there(tmp_path):
    keeper = Checkpoint(tmp_path)  # whose interval has not passed
    net(max_steps=4)(keeper).fit(X[:40], Y[:40], epochs=3, batch_size=10)
    assert keeper.last_path.name == "step-00000004.ckpt"


# ---- one folder, one run


def test_a_second_fit_in_one_folder_is_refused(tmp_path):
    with Locks() as locks:
        locks.claim(tmp_path)
        locks.claim(tmp_path)
        with pytest.raises(FolderInUse, match=f"another fit of this process .{os.getpid()}"):
            regressor(out=tmp_path).fit(X, Y, epochs=1)
    assert regressor(out=tmp_path).fit(X, Y, epochs=1)
    assert ".lock" not in os.listdir(tmp_path)


HOLDER = """
import sys, time
from rushlight.train.resuming.lock import Locks
with Locks() as locks:
    locks.claim(sys.argv[1])
    print("mine", flush=True)
    time.sleep(60)
"""


def test_another_process_is_named_and_a_killed_one_leaves_no_lock(tmp_path, start):
    process = start(HOLDER, str(tmp_path))
    assert process.stdout.readline() == "mine\n"
    text = f"process {process.pid} is training, expected a folder of its own"
    for kind in ({}, {"resume": "auto"}):
        with pytest.raises(FolderInUse, match=text):
            regressor(out=tmp_path).fit(X, Y, epochs=1, **kind)
    process.kill()
    process.communicate()
    assert (tmp_path / ".lock").exists()
    assert len(regressor(out=tmp_path).fit(X, Y, epochs=1)) == 1


FULL = """
import resource, sys
import numpy as np
import rushlight as rl
from rushlight import nn
from rushlight.train import Checkpoint, Trainer
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
x = np.ones((40, 3), "float32")
grow = []
class Growing(rl.train.Callback):
    def on_batch_end(self, **facts):
        grow.extend(range(1000))
    def state_dict(self):
        return {"grow": list(grow)}
callbacks = [Checkpoint(sys.argv[1], every_steps=1), Growing()]
Trainer(nn.Linear(3, 1), "mse", callbacks=callbacks, seed=0, progress="none").fit(
    x, x[:, :1], epochs=9, batch_size=10
)
"""


@pytest.mark.skipif(os.name != "posix", reason="RLIMIT_FSIZE")
def test_a_file_that_cannot_be_written_whole_leaves_the_one_before(tmp_path):
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    newest = find(tmp_path / "last")[0]
    assert "File too large" in last
    assert f"{newest.name} is whole, resume from it" in last
    assert int(newest.stem.removeprefix("step-")) >= 1
    assert sorted(os.listdir(tmp_path / "last")) == [p.name for p in find(tmp_path / "last")][::-1]
