"""Resize and Upsample of ONNX beside onnxruntime's and torch's; gradients; errors."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, integers, normal, run

pytest.importorskip("onnx")

X = normal(1, 2, 5, 6)
PLACES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def scales(*values: float) -> Any:
    return np.array(values, np.float32)


def resize(
    *, to: Any = None, by: Any = None, version: int = 19, roi: Any = None, **more: Any
) -> Case:
    inputs = (X, roi, by) if to is None else (X, roi, None, to)
    return case("Resize", version, *inputs, **more)


UP, DOWN, BOTH = integers(1, 2, 9, 11), integers(1, 2, 3, 4), integers(1, 2, 3, 11)
CASES = [
    *[
        resize(to=to, mode="nearest", coordinate_transformation_mode=place, nearest_mode=nearest)
        for to, place, nearest in product(
            (UP, DOWN), PLACES, ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        )
    ],
    *[
        resize(to=to, mode=mode, coordinate_transformation_mode=place)
        for to, mode, place in product((UP, DOWN, BOTH), ("linear", "cubic"), PLACES)
    ],
    *[
        resize(by=scales(1, 1, 1.7, 0.6), mode=mode, coordinate_transformation_mode=place)
        for mode, place in product(
            ("nearest", "linear", "cubic"),
            ("half_pixel", "pytorch_half_pixel", "asymmetric"),
        )
    ],
    resize(to=DOWN, mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1),
    resize(by=scales(2.5, 0.7), axes=[2, 3], mode="linear"),
    resize(by=scales(0.7, 2.5), axes=[3, 2], mode="nearest"),
    resize(to=integers(8, 7), axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
    resize(to=integers(8, 7), axes=[2, 3], keep_aspect_ratio_policy="not_smaller", mode="linear"),
    resize(
        to=integers(1, 2, 4, 3), mode="linear", extrapolation_value=7.0,
        coordinate_transformation_mode="tf_crop_and_resize",
        roi=scales(0, 0, -0.2, 0.3, 1, 1, 0.6, 1.4),
    ),
    case(
        "Resize", 11, X, scales(), scales(), UP,  # what is left out was empty then
        mode="nearest", coordinate_transformation_mode="tf_half_pixel_for_nn",
    ),
    case("Resize", 10, X, scales(1, 1, 2, 1.5)),
    case("Resize", 10, X, scales(1, 1, 0.5, 2), mode="linear"),
    case("Upsample", 9, X, scales(1, 1, 2, 3), mode="linear"),
    case("Upsample", 9, X, scales(1, 1, 2, 3)),
    case("Upsample", 7, X, scales=[1.0, 1.0, 2.0, 3.0]),
    case("Upsample", 7, X, scales=[1.0, 1.0, 2.0, 3.0], mode="linear"),
    case("Resize", 13, X[0], None, scales(1, 2, 2), mode="linear"),
    case("Resize", 13, X[0, 0], None, scales(2, 2), mode="linear"),
]  # fmt: skip


@pytest.mark.parametrize("node", CASES, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node)


def test_the_first_upsample_has_two_scales() -> None:
    old = run(case("Upsample", 1, X, height_scale=2.0, width_scale=3.0))[0]
    new = run(case("Upsample", 9, X, scales(1, 1, 2, 3)))[0]
    np.testing.assert_array_equal(old.numpy(), new.numpy())


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("to", [UP, DOWN, BOTH])
def test_smaller_images_are_filtered_as_torch_does(mode: str, to: Any) -> None:
    """Pillow's filter leaves out what lies outside, which ONNX calls exclude_outside."""
    torch = pytest.importorskip("torch")
    node = resize(to=to, mode=mode, antialias=1, exclude_outside=1, cubic_coeff_a=-0.5)
    wanted = torch.nn.functional.interpolate(
        torch.tensor(X), tuple(to[2:]), mode=f"bi{mode}", antialias=True
    )
    np.testing.assert_allclose(run(node)[0].numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_aligned_corners_go_by_the_size_of_the_output(factor: float) -> None:
    """As torch's files mean it, and the text of ONNX; not by the size before it is rounded."""
    torch = pytest.importorskip("torch")
    node = resize(
        by=scales(1, 1, factor, factor),
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )
    wanted = torch.nn.functional.interpolate(
        torch.tensor(X), scale_factor=factor, mode="bilinear", align_corners=True
    )
    np.testing.assert_allclose(run(node)[0].numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)
    agree(node)


@pytest.mark.parametrize(
    "node",
    [
        resize(to=BOTH, mode="linear", antialias=1),
        resize(to=UP, mode="cubic", exclude_outside=1),
        resize(to=DOWN, mode="nearest"),
        resize(
            to=integers(1, 2, 4, 3), mode="linear", roi=scales(0, 0, -0.2, 0.3, 1, 1, 0.6, 1.4),
            coordinate_transformation_mode="tf_crop_and_resize",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_gradients(node: Case) -> None:
    check_gradient(node, (0,))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_integers(dtype: str) -> None:
    x = np.arange(24).reshape(1, 1, 4, 6).astype(dtype)
    for mode in ("nearest", "linear"):
        found = run(case("Resize", 19, x, None, scales(1, 1, 2, 2), mode=mode))[0].numpy()
        wide = run(case("Resize", 19, x.astype("f"), None, scales(1, 1, 2, 2), mode=mode))[0]
        np.testing.assert_array_equal(found, wide.numpy().astype(dtype))


@pytest.mark.parametrize(
    "node, message",
    [
        (case("Resize", 19, X), "both or none of scales and sizes"),
        (resize(to=integers(3, 3)), "2 sizes for 4 dims"),
        (resize(by=scales(1, 1, -1, 2)), "numbers > 0"),
        (resize(to=integers(1, 2, 0, 4)), "no size 0"),
        (case("Resize", 13, X[:0], None, None, UP), "no size 0"),
        (resize(to=UP, mode="lanczos"), "mode='lanczos'"),
        (resize(to=UP, nearest_mode="up"), "nearest_mode='up'"),
        (resize(to=UP, coordinate_transformation_mode="tf"), "coordinate_transformation_mode='tf'"),
        (resize(to=UP, keep_aspect_ratio_policy="fit"), "keep_aspect_ratio_policy='fit'"),
        (resize(to=UP, coordinate_transformation_mode="tf_crop_and_resize"), "roi of 8 numbers"),
        (case("Upsample", 9, X, scales(1, 2)), "a number > 0 for each dim"),
        (case("Upsample", 9, X, scales(1, 1, 2, 2), mode="cubic"), "'nearest' or 'linear'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)
