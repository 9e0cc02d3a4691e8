"""Tecator: what the bundled data are, which part may be read when, and the linear baseline."""

import hashlib
import importlib.resources
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Tecator
from rushlight.data.spectra import SNV, Derivative
from rushlight.data.transforms import Compose, Standardize
from rushlight.tensor import Tensor
from rushlight.train import Trainer

SAMPLES = importlib.resources.files("rushlight.data") / "samples"
SHA256 = "a1e4613c2894986c1b7bd604b95c9bd0a390bcefb79fd9d87e7fb8daa92cb674"


def test_the_table_is_the_original_and_its_permission_lies_beside_it():
    content = (SAMPLES / "tecator.csv").read_bytes().replace(b"\r\n", b"\n")
    assert hashlib.sha256(content).hexdigest() == SHA256
    assert "as long as this permission note is attached" in (
        SAMPLES / "tecator_permission.txt"
    ).read_text("ascii")


@pytest.mark.parametrize(
    ("part", "size", "first", "last"),
    [
        ("calibration", 129, (2.61776, [60.5, 22.5, 16.7]), (2.74019, [42.2, 45.7, 11.0])),
        ("monitoring", 43, (3.0035, [54.1, 29.8, 15.7]), (2.91042, [42.1, 46.3, 11.5])),
        ("test", 43, (2.83385, [40.7, 47.7, 11.8]), (2.89064, [41.0, 47.8, 11.6])),
    ],
)
def test_parts_in_the_original_order(part, size, first, last):
    meat = Tecator(part, final=part == "test")
    spectra, contents = meat.arrays()
    assert len(meat) == size
    assert (spectra.shape, contents.shape) == ((size, 100), (size, 3))
    assert spectra.dtype == contents.dtype == np.float64
    for row, (absorbance, content) in ((0, first), (-1, last)):
        assert spectra[row, 0] == absorbance
        assert contents[row].tolist() == content
    assert contents.sum(1).min() > 90 and contents.sum(1).max() < 103  # percent


def test_names():
    assert Tecator.target_names == ("water", "fat", "protein")
    head = (SAMPLES / "tecator.csv").read_text("ascii").splitlines()[0].split(",")
    assert head == ["set", *(f"nm_{nm}" for nm in Tecator.wavelengths), *Tecator.target_names]
    assert Tecator.channel_names == tuple(f"{nm} nm" for nm in Tecator.wavelengths)


def test_the_test_part_waits_for_the_final_evaluation():
    with pytest.raises(PermissionError, match=r"before the final evaluation.*final=True"):
        Tecator("test")
    with pytest.raises(ValueError, match="final=True with part='monitoring'"):
        Tecator("monitoring", final=True)
    with pytest.raises(ValueError, match="got 'train', expected one of 'calibration'"):
        Tecator("train")
    assert len(Tecator("test", final=True)) == 43
    assert len(pickle.loads(pickle.dumps(Tecator("test", final=True)))) == 43


def test_items_batches_and_transforms():
    meat = Tecator("monitoring")
    spectrum, target = meat[-1]
    assert (spectrum.dtype, spectrum.shape, target.shape) == (rl.float32, (100,), (3,))
    x, y = meat.arrays()
    np.testing.assert_array_equal(target.numpy(), y[-1].astype("float32"))
    spectrum[:] = 0  # a copy
    np.testing.assert_array_equal(meat.tensors()[0].numpy(), x.astype("float32"))
    scale = Standardize().fit(y)
    for step in (SNV(), lambda part: SNV()(part)):  # by slices, and one by one
        changed = Tecator("monitoring", transform=step, target_transform=scale)
        loader = DataLoader(changed, 20)
        assert [len(batch[0]) for batch in loader] == [20, 20, 3]
        found = [np.concatenate([b[i].numpy() for b in loader]) for i in (0, 1)]
        np.testing.assert_allclose(found[0], SNV()(x), atol=1e-5)
        np.testing.assert_allclose(found[1], scale(y), atol=1e-5)
    assert isinstance(changed[0][0], Tensor) and repr(changed) == (
        "Tecator(part='monitoring', 43 spectra)"
    )
    with pytest.raises(IndexError):
        meat[43]


def test_the_trainer_takes_it():
    meat = Tecator()
    scale = Compose([SNV(), Standardize()]).fit(meat.arrays()[0])
    contents = Standardize().fit(meat.arrays()[1])
    parts = [
        Tecator(part, transform=scale, target_transform=contents)
        for part in ("calibration", "monitoring")
    ]
    rl.manual_seed(0)
    trainer = Trainer(rl.nn.Linear(100, 3), "mse", lr=0.003, seed=0, progress="none")
    history = trainer.fit(parts[0], validation=parts[1], epochs=30)
    assert history[-1]["val_loss"] < 0.3 < history[0]["val_loss"]


def test_partial_least_squares_of_15_components():
    """The best linear models: of raw spectra for fat, of SNV for water and protein."""
    cross = pytest.importorskip("sklearn.cross_decomposition")
    parts = [Tecator(part).arrays() for part in ("calibration", "monitoring")]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    test_x, test_y = Tecator("test", final=True).arrays()
    found = {}
    for name, change in (("raw", np.asarray), ("snv", SNV())):
        model = cross.PLSRegression(15, scale=False, max_iter=5000).fit(change(x), y)
        error = model.predict(change(test_x)) - test_y
        found[name] = np.sqrt(np.square(error).mean(0))
    assert round(found["snv"][0], 2) == 1.87
    assert round(found["raw"][1], 2) == 1.94
    assert round(found["snv"][2], 2) == 0.53
    assert found["raw"][0] > 1.87 and found["snv"][1] > 1.94 and found["raw"][2] > 0.53


def test_derivatives_are_in_nanometres():
    spectra = Tecator().arrays()[0]
    slope = Derivative(1, 5, 2, spacing=2.0)(spectra)
    steps = np.gradient(spectra, Tecator.wavelengths, axis=1)
    np.testing.assert_allclose(slope[:, 4:-4], steps[:, 4:-4], atol=2e-3)
