"""Images of one's own: what is read, brought to one size, refused or skipped."""

import importlib

import numpy as np
import pytest

from rushlight.cli.recipes import images as source
from rushlight.cli.recipes.images import read_images, write_all
from rushlight.errors import MissingExtra, ShapeError

Image = pytest.importorskip("PIL.Image")


def png(path, array, **more):
    Image.fromarray(array).save(path, **more)


@pytest.fixture
def grey():
    return np.arange(24 * 18, dtype=np.uint8).reshape(24, 18)


@pytest.fixture
def colour():
    return np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)


def test_grey_images_of_one_size_stay_what_they_are(tmp_path, grey):
    png(tmp_path / "b.png", grey)
    (tmp_path / "more").mkdir()
    png(tmp_path / "more" / "a.png", grey[::-1].copy())
    png(tmp_path / ".hidden.png", grey)
    (tmp_path / "notes.txt").write_text("not an image")
    found = read_images(tmp_path)
    assert found.names == ["b.png", "more/a.png"] and not found.skipped
    assert found.pixels.dtype == np.uint8 and found.pixels.shape == (2, 1, 24, 18)
    assert (found.pixels[0, 0] == grey).all() and (found.pixels[1, 0] == grey[::-1]).all()
    assert found.about() == "2 grey images, 24 x 18 (1 other files left out)"


def test_one_image_with_colours_makes_all_of_them_colour(tmp_path, grey, colour):
    png(tmp_path / "a.png", grey)
    png(tmp_path / "b.png", colour)
    found = read_images(tmp_path)
    assert found.pixels.shape == (2, 3, 18, 18)  # the shortest side of all
    assert (found.pixels[0][0] == found.pixels[0][1]).all()
    assert read_images(tmp_path, channels=1).pixels.shape == (2, 1, 18, 18)
    assert read_images(tmp_path, 9).pixels.shape == (2, 3, 9, 9)
    assert read_images(tmp_path, (11, 7)).pixels.shape == (2, 3, 11, 7)


def test_large_images_are_scaled_and_their_middle_is_kept(tmp_path):
    wide = np.zeros((100, 300), np.uint8)
    wide[:, 100:200] = 200  # the middle third is a square of one value
    png(tmp_path / "a.png", wide)
    found = read_images(tmp_path)
    assert found.pixels.shape == (1, 1, 64, 64)
    assert (found.pixels[0, 0, :, 2:-2] == 200).all()


def test_what_is_transparent_becomes_white(tmp_path):
    clear = np.zeros((10, 10, 4), np.uint8)
    clear[:, :5, 3] = 255  # the left half is black
    png(tmp_path / "a.png", clear)
    found = read_images(tmp_path, channels=1)
    assert (found.pixels[0, 0, :, :5] == 0).all() and (found.pixels[0, 0, :, 5:] == 255).all()


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    png(tmp_path / "a.png", np.array([[0, 32768], [256, 65535]], np.uint16))
    assert read_images(tmp_path).pixels[0, 0].tolist() == [[0, 128], [1, 255]]


def test_a_photo_stored_on_its_side_is_turned(tmp_path, grey):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    png(tmp_path / "a.png", grey, exif=exif)
    found = read_images(tmp_path)
    assert (found.pixels[0, 0] == np.rot90(grey, -1)).all()


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.zeros((9, 7), np.uint8), (1, 1, 9, 7)),
        (np.zeros((1, 9, 7), np.uint8), (1, 1, 9, 7)),
        (np.zeros((5, 9, 7), np.uint8), (5, 1, 9, 7)),
        (np.zeros((9, 7, 3), np.uint8), (1, 3, 9, 7)),
        (np.zeros((3, 9, 7), np.uint8), (1, 3, 9, 7)),
        (np.zeros((5, 9, 7, 1), np.uint8), (5, 1, 9, 7)),
        (np.zeros((5, 3, 9, 7), np.uint8), (5, 3, 9, 7)),
        (np.full((5, 9, 7), 0.5, np.float64), (5, 1, 9, 7)),
    ],
)
def test_arrays_need_no_pillow(tmp_path, monkeypatch, array, shape):
    def without(part):
        raise ImportError(part)

    monkeypatch.setattr(importlib, "import_module", without)
    np.save(tmp_path / "x.npy", array)
    found = read_images(tmp_path / "x.npy")
    assert found.pixels.shape == shape
    assert (found.pixels == (128 if array.dtype.kind == "f" else 0)).all()
    if len(found.names) > 1:
        assert found.names[1] == "x.npy[1]"
    with pytest.raises(MissingExtra, match=r"pillow.*rushlight\[io\]"):
        source._pillow("Image")


def test_the_channels_of_an_array_go_where_they_belong(tmp_path, colour):
    np.save(tmp_path / "x.npy", colour)
    png(tmp_path / "y.png", colour)
    found = read_images(tmp_path)
    assert (found.pixels[0] == found.pixels[1]).all()
    assert (found.pixels[0] == colour.transpose(2, 0, 1)).all()


def test_arrays_of_another_size_or_colour_are_brought_to_it(tmp_path, grey):
    np.save(tmp_path / "x.npy", np.stack([grey, grey]))
    assert read_images(tmp_path, 12).pixels.shape == (2, 1, 12, 12)
    found = read_images(tmp_path, channels=3).pixels
    assert found.shape == (2, 3, 24, 18) and (found == grey).all()


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 2, 2, 2, 2), np.uint8), "got an array (2, 2, 2, 2, 2), expected (H, W)"),
        (np.zeros((4, 9, 7, 5), np.uint8), "got an array (4, 9, 7, 5)"),
        (np.zeros((0, 9, 7), np.uint8), "got an array (0, 9, 7)"),
        (np.full((9, 7), 2.0), "got floats from 2 to 2, expected bytes (uint8) or floats in"),
        (np.full((9, 7), np.nan), "got floats from nan to nan"),
        (np.zeros((9, 7), np.int64), "got int64, expected bytes"),
        (np.array([["a", "b"]]), "got <U1, expected bytes"),
        (np.array([[None]]), "pickle"),
    ],
)
def test_an_array_that_is_no_image_is_skipped_by_name(tmp_path, grey, array, text):
    np.save(tmp_path / "bad.npy", array)
    np.save(tmp_path / "good.npy", grey)
    found = read_images(tmp_path)
    assert found.names == ["good.npy"] and text in found.skipped["bad.npy"]
    assert found.about().endswith("(1 skipped)")


def test_broken_files_are_skipped_and_told_why(tmp_path, grey, colour):
    png(tmp_path / "good.png", grey)
    png(tmp_path / "cut.jpg", colour)
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.jpeg").touch()
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01")
    found = read_images(tmp_path)
    assert found.names == ["good.png"]
    assert sorted(found.skipped) == ["cut.jpg", "cut.npy", "empty.jpeg", "text.png"]
    assert "runcated" in found.skipped["cut.jpg"] and "identify" in found.skipped["text.png"]


def test_random_damage_is_never_more_than_a_skipped_file(tmp_path, grey, colour):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "good.npy", grey)
    for i, kind in enumerate(["png", "jpg", "gif", "bmp", "tif", "webp"] * 4):
        path = tmp_path / f"{i}.{kind}"
        png(path, colour)
        content = bytearray(path.read_bytes())
        for at in rng.integers(0, len(content), 8):
            content[at] = int(rng.integers(256))
        path.write_bytes(bytes(content))
    found = read_images(tmp_path, 16)
    assert len(found.pixels) + len(found.skipped) == 25


def test_nothing_to_read_is_an_error_that_says_what_lay_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: got no such folder or file"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="got no file, expected images"):
        read_images(tmp_path)
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match="got 1 files, none of them images"):
        read_images(tmp_path)
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match=r"none of which could be read \(a.png: cannot identify"):
        read_images(tmp_path)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_that_was_written_is_read_again(tmp_path, channels):
    images = np.random.default_rng(0).random((2, channels, 9, 7))
    write_all(tmp_path, ["a.jpg", "b/c.npy[1]"], images)
    found = read_images(tmp_path)
    assert found.names == ["a.png", "b/c-1.png"]
    np.testing.assert_allclose(found.pixels / 255, images, atol=0.5 / 255 + 1e-9)


def test_values_outside_of_what_can_be_seen_are_cut_off(tmp_path):
    write_all(tmp_path / "new", ["a.png"], np.array([[[[-1.0, 2.0]]]]))
    assert read_images(tmp_path / "new").pixels.ravel().tolist() == [0, 255]


def test_no_image_is_written_over_another(tmp_path):
    names = ["a.jpg", "A.png", "a-2.gif", "v1.2.npy[0]", "v1.2.npy[1]"]
    write_all(tmp_path, names, np.zeros((5, 1, 4, 4)))
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["A-2.png", "a-2-2.png", "a.png", "v1.2-0.png", "v1.2-1.png"]


def test_the_shape_of_an_array_is_refused_by_its_own_error():
    with pytest.raises(ShapeError):
        source._as_images(np.zeros(3, np.uint8))
