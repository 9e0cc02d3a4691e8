"""What is known of data in memory before its batches are read."""

import numpy as np
import pytest
from tests.train.nets import classifier

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, Subset, TensorDataset
from rushlight.train import NonFiniteError, Trainer
from rushlight.train.held import Known, known
from rushlight.train.weights import counts_all


def loader(x, *rest, **options):
    return DataLoader(TensorDataset(*map(rl.tensor, (x, *rest))), 4, **options)


X = np.arange(24, dtype="float32").reshape(12, 2)
Y = np.arange(12) % 3 + 1


def test_facts_of_arrays():
    assert known(loader(X, Y), weighted=False) == Known(True, range(1, 4))
    assert known(loader(X, Y, X[:, 0]), weighted=True) == Known(True, range(1, 4))
    assert known(loader(X, X), weighted=False) == Known(True, None)
    broken = X.copy()
    broken[5, 1] = np.nan
    assert known(loader(broken, Y), weighted=False) == Known(False, range(1, 4))
    subset = Subset(TensorDataset(rl.tensor(X), rl.tensor(Y)), [3, 1])
    assert known(DataLoader(subset, 2), weighted=False).finite


def test_nothing_is_known_of_what_somebody_may_change_on_the_way():
    class Own(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)

    assert known(DataLoader(Own(rl.tensor(X), rl.tensor(Y))), weighted=False) == Known()
    own = loader(X, Y, collate_fn=lambda batch: batch)
    assert known(own, weighted=False) == Known()
    assert known([(X, Y)], weighted=False) == Known()
    assert known(loader(X), weighted=False) == Known()


def test_a_mean_counts_all_targets_only_where_none_is_ignored_or_weighed():
    assert counts_all(nn.CrossEntropyLoss(), range(3))
    assert not counts_all(nn.CrossEntropyLoss(), None)
    assert not counts_all(nn.CrossEntropyLoss(ignore_index=2), range(3))
    assert not counts_all(nn.CrossEntropyLoss(weight=rl.ones(3)), range(3))
    assert not counts_all(nn.MSELoss(), range(3))


@pytest.mark.parametrize("ignore_index", [-100, 1])
def test_the_loss_of_an_epoch_is_that_of_its_batches_however_they_are_read(ignore_index):
    class Unknown(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)

    losses = []
    for kind in (TensorDataset, Unknown):
        rl.manual_seed(0)
        model = nn.Linear(2, 4)
        trainer = Trainer(
            model, nn.CrossEntropyLoss(ignore_index=ignore_index), seed=0, progress="none"
        )
        history = trainer.fit(
            kind(rl.tensor(X), rl.tensor(Y)), epochs=3, batch_size=6
        )  # never all ignored
        losses.append([record["train_loss"] for record in history])
    assert losses[0] == losses[1]


def test_nan_that_is_put_into_the_data_between_epochs_is_found():
    x, y = rl.tensor(X.copy()), rl.tensor(Y % 3)
    trainer = classifier()
    trainer.fit(TensorDataset(x, y), epochs=1, batch_size=4)
    x[7, 0] = float("nan")
    with pytest.raises(NonFiniteError, match="NaN in the input"):
        trainer.fit(TensorDataset(x, y), epochs=1, batch_size=4)
