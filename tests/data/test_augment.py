"""Augmentation: against scipy.ndimage, by properties, and the same bits wherever a run goes on."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import rushlight as rl
from rushlight.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    augment,
)
from rushlight.data.augment import Augmented, ElasticTransform, RandomAffine, Warp
from rushlight.data.transforms import Compose, Normalize
from rushlight.errors import DtypeError, ShapeError
from rushlight.random import Generator
from rushlight.tensor import Tensor, from_numpy
from rushlight.train import Trainer

rng = np.random.default_rng(0)
images = rng.random((5, 2, 9, 12)).astype(np.float32)

BUSY = {
    "affine": partial(RandomAffine, 30, (0.2, 0.1), (0.8, 1.3), (-20, 20, -10, 15)),
    "elastic": partial(ElasticTransform, 12.0, 2.0),
    "both": lambda **given: Warp([RandomAffine(20, (0.1, 0.1)), ElasticTransform(9, 2)], **given),
}
STILL = {
    "affine": partial(RandomAffine, 0),
    "scaled by 1": partial(RandomAffine, (0, 0), (0, 0), (1, 1), 0.0),
    "elastic": partial(ElasticTransform, 0.0),
    "none": partial(Warp, []),
    "both": partial(Warp, [RandomAffine(0), ElasticTransform(0)]),
}


def places(warp, x, generator, keys):
    """Return where each pixel is read: the warp applied to pictures of the coordinates."""
    height, width = x.shape[-2:]
    words = generator.words_of(keys, warp.words(height, width))
    return warp.move(*np.indices((1, height, width), np.float32)[1:], words)


# ---- against scipy


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BUSY)
def test_images_are_read_as_scipy_reads_them(name, dtype):
    x, keys, fill = images.astype(dtype), np.arange(5), [0.5, -2.0]
    warp = BUSY[name](fill=fill)
    found = warp.keyed(x, Generator(3), keys)
    rows, columns = places(warp, x, Generator(3), keys)
    assert abs(rows - np.arange(9)[:, None]).max() > 1  # they do move
    for i in range(5):
        for channel in range(2):
            at = [rows[i].astype(np.float64), columns[i].astype(np.float64)]
            wanted = ndimage.map_coordinates(
                x[i, channel], at, order=1, mode="grid-constant", cval=fill[channel]
            )
            np.testing.assert_allclose(found[i, channel], wanted, atol=2e-6)


def test_images_are_read_as_grid_sample_reads_them():
    x = images[:, :, :9, :9]
    warp, keys = BUSY["both"](), np.arange(5)
    rows, columns = places(warp, x, Generator(1), keys)
    grid = from_numpy(np.stack([columns, rows], -1) / 4 - 1)  # (N, H, W, (x, y)) in [-1, 1]
    wanted = rl.nn.functional.grid_sample(from_numpy(x), grid, align_corners=True).numpy()
    np.testing.assert_allclose(warp.keyed(x, Generator(1), keys), wanted, atol=5e-6)


@pytest.mark.parametrize(
    ("options", "matrix"),
    [
        ({"degrees": (30, 30)}, [[math.cos(0.5236), -0.5], [0.5, math.cos(0.5236)]]),
        ({"degrees": 0, "scale": (1.25, 1.25)}, [[1.25, 0], [0, 1.25]]),
        ({"degrees": 0, "shear": (20, 20)}, [[1, math.tan(math.radians(20))], [0, 1]]),
        ({"degrees": 0, "shear": (0, 0, 20, 20)}, [[1, 0], [math.tan(math.radians(20)), 1]]),
        ({"degrees": (90, 90), "shear": (40, 40, 10, 10)}, None),
    ],
)
def test_affine_is_that_of_scipy_and_of_the_formula(options, matrix):
    if matrix is None:  # a quarter of a turn of a sheared picture
        k, m = math.tan(math.radians(40)), math.tan(math.radians(10))
        matrix = np.array([[0, -1], [1, 0]]) @ [[1, k], [m, 1]]
    forward = np.asarray(matrix)[::-1, ::-1]  # on (row, column)
    back, centre = np.linalg.inv(forward), np.array([4.0, 5.5])
    wanted = ndimage.affine_transform(
        images[0, 0], back, centre - back @ centre, order=1, mode="grid-constant"
    )
    found = RandomAffine(**options)(images[0, :1])[0]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_elastic_shifts_are_filtered_noise():
    warp = ElasticTransform(alpha=7.0, sigma=1.5)
    words = Generator(5).words_of(np.arange(3), warp.words(8, 10))
    rows, columns = warp.move(*np.zeros((2, 1, 8, 10), np.float32), words)
    noise = words.view(np.uint16)[:, :160].reshape(3, 2, 8, 10).astype(np.float64)
    noise = (noise + 0.5) / 32768 - 1
    assert -1 < noise.min() < -0.9 < 0.9 < noise.max() < 1
    wanted = 7 * ndimage.gaussian_filter(noise, 1.5, mode="constant", axes=(2, 3))
    np.testing.assert_allclose(np.stack([rows, columns], 1), wanted, atol=2e-5)


def test_elastic_shifts_are_as_large_as_documented():
    warp = ElasticTransform(alpha=34.0, sigma=4.0)
    words = Generator(0).words_of(np.arange(40), warp.words(48, 48))
    rows, columns = warp.move(*np.zeros((2, 1, 48, 48), np.float32), words)
    inner = np.stack([rows, columns])[..., 12:-12, 12:-12]
    assert inner.std() == pytest.approx(0.163 * 34 / 4, rel=0.1)
    assert abs(inner.mean()) < 0.15


# ---- properties


@pytest.mark.parametrize("name", STILL)
def test_nothing_moves_at_zero(name):
    warp = STILL[name](fill=9.0)
    for x in (images, images.astype(np.float64), images[:, :1], images[..., :8, :1]):
        np.testing.assert_array_equal(warp(x), x)


@pytest.mark.parametrize("name", BUSY)
def test_shapes_dtypes_and_channels(name):
    warp = BUSY[name]()
    for lead in ((), (1,), (5,), (2, 3), (0,)):
        for dtype in ("float16", "float32", "float64"):
            x = np.ones((*lead, 2, 9, 12), dtype)
            found = warp(x)
            assert (found.shape, found.dtype) == (x.shape, x.dtype)
    tensor = warp(from_numpy(images))
    assert isinstance(tensor, Tensor) and tensor.shape == images.shape
    same = warp(np.repeat(images[:, :1], 3, axis=1))  # all channels of an image move alike
    np.testing.assert_array_equal(same[:, 0], same[:, 1])
    assert (same[0] != same[1]).any()
    kept = images.copy()
    warp(images)
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("value", [0.0, 3.25])
def test_a_constant_image_in_constant_surroundings_stays(name, value):
    x = np.full((3, 1, 8, 8), value, np.float32)
    np.testing.assert_array_equal(BUSY[name](fill=value)(x), x)


@given(st.integers(0, 2**40), st.sampled_from(sorted(BUSY)))
def test_values_stay_between_the_least_and_the_most(seed, name):
    found = BUSY[name](fill=0.5).keyed(images, Generator(seed), np.arange(5))
    assert images.min() - 1e-6 <= found.min() and found.max() <= images.max() + 1e-6


def test_shifting_keeps_the_mass_and_moves_its_centre():
    x = np.zeros((200, 1, 21, 31), np.float32)
    x[:, :, 9:12, 13:18] = 1
    found = RandomAffine(0, translate=(0.2, 0.3), generator=Generator(0))(x)
    np.testing.assert_allclose(found.sum((1, 2, 3)), 15, rtol=1e-5)
    down = (found * np.arange(21)[:, None]).sum((1, 2, 3)) / 15 - 10
    across = (found * np.arange(31)).sum((1, 2, 3)) / 15 - 15
    for moved, most in ((down, 0.3 * 21), (across, 0.2 * 31)):
        assert abs(moved).max() <= most
        assert moved.std() == pytest.approx(most / math.sqrt(3), rel=0.15)


def test_turning_keeps_the_mass_and_scaling_multiplies_it():
    x = np.zeros((1, 41, 41), np.float32)
    x[:, 15:26, 15:26] = 1
    x = ndimage.gaussian_filter(x, 2, axes=(1, 2))  # no sharp edges to miss
    assert RandomAffine((37, 37))(x).sum() == pytest.approx(x.sum(), rel=1e-3)
    assert RandomAffine(0, scale=(1.4, 1.4))(x).sum() == pytest.approx(1.96 * x.sum(), rel=1e-3)
    assert RandomAffine(0, shear=(25, 25))(x).sum() == pytest.approx(x.sum(), rel=1e-3)


def test_what_leaves_the_image_is_gone_and_fill_comes_in():
    x = np.ones((1, 4, 4), np.float32)
    found = RandomAffine(0, scale=(0.5, 0.5), fill=-1.0)(x)
    np.testing.assert_allclose(found[0, 0], -1)
    np.testing.assert_allclose(found[0, 1:3, 1:3], 1)


def test_a_warp_is_the_composition_that_reads_once():
    turn, double = RandomAffine((90, 90)), RandomAffine(0, scale=(2, 2))
    x = images[:, :, :9, :9]  # no interpolation: composing is exact
    np.testing.assert_allclose(Warp([turn, turn])(x), turn(turn(x)), atol=1e-5)
    smooth = ndimage.gaussian_filter(rng.random((1, 40, 40)), 4, axes=(1, 2))
    stretch = RandomAffine(0, shear=(30, 30))
    for first, second in ((double, stretch), (stretch, double), (turn, stretch)):
        one, two = Warp([first, second])(smooth), second(first(smooth))
        np.testing.assert_allclose(one[0, 8:-8, 8:-8], two[0, 8:-8, 8:-8], atol=5e-3)
    assert abs(Warp([turn, stretch])(smooth) - Warp([stretch, turn])(smooth)).max() > 0.02


# ---- randomness


@pytest.mark.parametrize("name", BUSY)
def test_a_row_is_a_function_of_seed_and_key(name):
    warp = BUSY[name]()
    keys = np.array([7, 0, 2**40, 3, 1])
    found = warp.keyed(images, Generator(4), keys)
    drawn = Generator(4)
    drawn.normal((100,))
    for some in ([0], [4, 2], [1, 0, 3]):
        np.testing.assert_array_equal(warp.keyed(images[some], drawn, keys[some]), found[some])
    assert (warp.keyed(images, Generator(5), keys) != found).any()
    assert (warp.keyed(images, Generator(4).spawn(1), keys) != found).any()
    assert (warp.keyed(images, Generator(4), keys + 1) != found).any()


def test_many_images_are_as_few(monkeypatch):
    x = np.repeat(images, 4, axis=0)
    warp, keys = BUSY["both"](), np.arange(20)
    found = warp.keyed(x, Generator(0), keys)
    for together in (1, 3 * 108, 7 * 108 + 1):
        monkeypatch.setattr(augment, "_CHUNK", together)
        np.testing.assert_array_equal(warp.keyed(x, Generator(0), keys), found)


def test_plain_calls_draw_from_the_generator():
    x = images
    a, b = RandomAffine(30, generator=Generator(1)), RandomAffine(30, generator=Generator(1))
    first = a(x)
    np.testing.assert_array_equal(first, b(x))
    assert (a(x) != first).any()
    rl.manual_seed(3)
    default = ElasticTransform()(x)
    rl.manual_seed(3)
    np.testing.assert_array_equal(ElasticTransform()(x), default)
    assert (ElasticTransform()(x) != default).any()


def test_words_of_keys():
    found = Generator(1).words_of(np.array([5, 0, 5]), 7)
    assert found.shape == (3, 7) and found.dtype == np.uint64
    np.testing.assert_array_equal(found[0], found[2])
    assert len(set(found[:2].ravel().tolist())) == 14
    np.testing.assert_array_equal(Generator(1).words_of(np.array([5]), 3)[0], found[0, :3])
    many = Generator(2).words_of(np.arange(500), 64)
    bits = np.unpackbits(many.view(np.uint8))
    assert bits.mean() == pytest.approx(0.5, abs=0.002)


# ---- the data set


def digits(size=10):
    return TensorDataset(rng.random((size, 1, 8, 8)).astype(np.float32), np.arange(size))


WARP = Compose([Warp([RandomAffine(20, (0.1, 0.1)), ElasticTransform(9, 2)]), Normalize(0.5, 2.0)])


def epoch(loader):
    """Return the images of the next epoch by their label."""
    return {int(k): row for x, y in loader for row, k in zip(x.numpy(), y.numpy(), strict=True)}


def test_a_sample_is_the_same_in_any_batch():
    data = digits()
    alone = {k: Augmented(data, WARP, seed=1)[k][0].numpy() for k in range(10)}
    np.testing.assert_array_equal(Augmented(data, WARP, seed=1)[-3][0].numpy(), alone[7])
    for options in ({"batch_size": 4}, {"batch_size": 3, "shuffle": True}, {"batch_size": 10}):
        loader = DataLoader(Augmented(data, WARP, seed=1), generator=Generator(0), **options)
        first, second = epoch(loader), epoch(loader)
        assert first.keys() == alone.keys()
        for k in range(10):
            np.testing.assert_array_equal(first[k], alone[k])
            assert (first[k] != second[k]).any()
    assert (Augmented(data, WARP, seed=2)[0][0].numpy() != alone[0]).any()


@pytest.mark.parametrize("kind", ["batches", "items", "subset", "both"])
def test_a_loader_that_goes_on_gives_the_same_images(kind):
    class ByItem(Dataset):
        def __init__(self):
            self.inner = digits(9)

        def __getitem__(self, index):
            return self.inner[index]

        def __len__(self):
            return 9

    def loader():
        part = Augmented({"items": ByItem()}.get(kind, nine), WARP, seed=4)
        if kind == "subset":
            part = Subset(part, [8, 1, 3, 5, 7, 0])
        if kind == "both":
            part = ConcatDataset([Subset(part, [2, 3]), nine, part])
        return DataLoader(part, 2, shuffle=True, generator=Generator(6))

    nine = digits(9)
    state = rng.bit_generator.state
    whole = loader()
    wanted = [[x.numpy() for x, _ in whole] for _ in range(3)]
    for stop in ((0, 1), (1, 2), (2, 0), (2, 3)):
        rng.bit_generator.state = state
        broken = loader()
        broken.set_epoch(stop[0])
        reading = iter(broken)
        for _ in range(stop[1]):
            next(reading)
        place = broken.state_dict()
        rng.bit_generator.state = state
        again = loader()
        again.load_state_dict(place)
        rest = [x.numpy() for x, _ in again]
        assert len(rest) == len(wanted[stop[0]]) - stop[1]
        for a, b in zip(rest, wanted[stop[0]][stop[1] :], strict=True):
            np.testing.assert_array_equal(a, b)


def test_two_loaders_of_one_data_set_do_not_disturb_each_other():
    data = Augmented(digits(), WARP, seed=0)
    alone = DataLoader(data, 4)
    wanted = [epoch(alone) for _ in range(2)]
    loader = DataLoader(data, 4)
    epoch(loader)
    found = {}
    for x, y in loader:
        next(iter(DataLoader(data, 4)))  # such as a callback does in the middle of an epoch
        found |= {int(k): row for row, k in zip(x.numpy(), y.numpy(), strict=True)}
    for k in range(10):
        np.testing.assert_array_equal(found[k], wanted[1][k])
    assert data.epoch == 0 and data.at_epoch(3).epoch == 3


def test_parts_of_a_compose_draw_apart():
    twice = Compose([RandomAffine(0, (0.3, 0.3)), RandomAffine(0, (0.3, 0.3))])
    x = np.zeros((20, 1, 31, 31), np.float32)
    x[:, :, 15, 15] = 1
    (found,) = next(iter(DataLoader(Augmented(TensorDataset(x), twice, seed=0), 20)))
    down = (found.numpy() * np.arange(31)[:, None]).sum((1, 2, 3)) - 15
    (single,) = next(iter(DataLoader(Augmented(TensorDataset(x), twice.transforms[0], 0), 20)))
    once = (single.numpy() * np.arange(31)[:, None]).sum((1, 2, 3)) - 15
    assert abs(down - 2 * once).max() > 1


def test_what_else_the_data_set_takes():
    class Plain(Dataset):
        def __getitem__(self, index):
            return np.full((1, 4, 4), index, np.float32)

        def __len__(self):
            return 3

    data = Augmented(Plain(), lambda x: x + 1)  # any callable, inputs alone
    assert data[1].tolist() == np.full((1, 4, 4), 2.0).tolist() and len(data) == 3
    assert next(iter(DataLoader(data, 2))).shape == (2, 1, 4, 4)
    rl.manual_seed(1)
    a, b = (Augmented(digits(), WARP) for _ in range(2))
    rl.manual_seed(1)
    again = Augmented(a.dataset, WARP)
    np.testing.assert_array_equal(a[0][0].numpy(), again[0][0].numpy())
    assert (Augmented(a.dataset, WARP)[0][0].numpy() != a[0][0].numpy()).any() and len(b) == 10


# ---- what is refused


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: RandomAffine(-5), ValueError, "RandomAffine degrees: got -5"),
        (lambda: RandomAffine((5, -5)), ValueError, "the smaller first"),
        (lambda: RandomAffine(np.nan), ValueError, "finite"),
        (lambda: RandomAffine((1, 2, 3)), ValueError, "two finite numbers"),
        (lambda: RandomAffine(0, translate=(0.1, 2)), ValueError, r"fractions in \[0, 1\]"),
        (lambda: RandomAffine(0, translate=0.1), ValueError, "two fractions"),
        (lambda: RandomAffine(0, scale=(0, 1)), ValueError, "two numbers > 0"),
        (lambda: RandomAffine(0, scale=1.1), ValueError, "two numbers > 0"),
        (lambda: RandomAffine(0, scale=()), ValueError, "two finite numbers"),
        (lambda: RandomAffine(0, scale=(2, 1)), ValueError, "the smaller first"),
        (lambda: RandomAffine(0, shear=90), ValueError, "below 90 degrees"),
        (lambda: RandomAffine(0, shear=(-45, 45, -45, 45)), ValueError, "below 45"),
        (lambda: ElasticTransform(-1), ValueError, "alpha: got -1"),
        (lambda: ElasticTransform(1, 0), ValueError, "sigma: got 0"),
        (lambda: ElasticTransform(fill=np.inf), ValueError, "ElasticTransform fill: got inf"),
        (lambda: RandomAffine(0, generator=3), TypeError, "Generator or None"),
        (lambda: Warp([Normalize(0.0, 1.0)]), TypeError, "into a Compose"),
        (lambda: Warp([])(np.ones((4, 4))), ShapeError, "add the channel axis"),
        (lambda: Warp([])(np.ones((1, 0, 4))), ShapeError, "not empty"),
        (lambda: Warp([], fill=(1, 2, 3))(images), ShapeError, r"\(..., 3, H, W\)"),
        (lambda: RandomAffine(5)(np.ones((1, 4, 4), "uint8")), DtypeError, "put ToFloat before"),
        (lambda: Warp([]).keyed(images, Generator(0), np.arange(3)), ShapeError, "for each image"),
        (lambda: Augmented(IterableDataset(), WARP), TypeError, "can be indexed"),
        (lambda: Augmented(digits(), "full"), TypeError, "a callable"),
        (lambda: Augmented(digits(), WARP, seed=-1), ValueError, "an int >= 0"),
        (lambda: Augmented(digits(), WARP).at_epoch(-1), ValueError, "an int >= 0"),
        (lambda: Augmented(digits(), WARP)[10], IndexError, "10"),
    ],
)
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---- training that goes on


def test_a_run_that_goes_on_within_an_epoch_ends_with_the_same_bits(tmp_path):
    def train(folder, **limits):
        rl.manual_seed(0)
        net = rl.nn.Sequential(
            rl.nn.Conv2d(1, 2, 3), rl.nn.ReLU(), rl.nn.Flatten(), rl.nn.Dropout(0.2)
        )
        net.append(rl.nn.Linear(72, 10))
        trainer = Trainer(net, "cross_entropy", seed=1, out=folder, progress="none", **limits)
        resume = limits.pop("max_steps", None) is None and folder.exists()
        trainer.fit(Augmented(data, WARP, 1), epochs=3, batch_size=3, resume=resume)
        return {name: value.numpy() for name, value in net.state_dict().items()}

    data = digits()
    whole = train(tmp_path / "whole")
    for steps in (2, 4, 7, 11):
        folder = tmp_path / str(steps)
        cut = train(folder, max_steps=steps)
        assert any((cut[name] != whole[name]).any() for name in whole)
        found = train(folder)
        for name, value in whole.items():
            np.testing.assert_array_equal(found[name], value)
