"""The compiled functions refuse arrays of another dtype, or size, than the kernels would read."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rushlight.compiled import native

if native is None:
    pytest.skip("the compiled extension is absent or unwanted", allow_module_level=True)

M, C = 6, 4
ONE, ZERO = [1, 1, 1], [[0], [0], [0]]


def f(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def convolution(**changed: Any) -> Any:
    """A product of (M, C) and (5, C) as a convolution of single cells."""
    options = {
        "n": M,
        "groups": 1,
        "channels": C,
        "features": 5,
        "in": ONE,
        "out": ONE,
        "xs": [C, 0, 0, 0],
        "ys": [5, 0, 0, 0],
        "step": ONE,
        "offsets": ZERO,
        "weights": ZERO,
        "w": [C, 1, 0],
        "xc": 1,
    }
    return native.Conv(*(options | changed).values())


def windows(first: Any = (0, 2), count: Any = (2, 2), divisor: Any = (2.0, 2.0)) -> Any:
    """Two windows of two cells in lines of four."""
    rest = [[0], [0]], [[1], [1]], [[1.0], [1.0]]
    lists = [[*many, [*one]] for many, one in zip(rest, (first, count, divisor), strict=True)]
    return native.Pool(M, 1, [1, 1, 4], ONE, *lists, False)


def maps(start: Any = (0, 1, 3), index: Any = (1, 0, 3), weight: Any = (1.0, 0.5, 2.0)) -> Any:
    """Two cells of lines of four: one copied, one the sum of two."""
    one = (1, np.array([0, 1]), np.array([0]), np.ones(1))
    return native.Maps(M, 1, one, (4, *map(np.array, (start, index, weight))))


def calls() -> dict[str, tuple[Any, list[Any]]]:
    """A function and its right arguments, by name."""
    conv, pool = convolution(), windows()
    classes = np.zeros(M, np.int64)
    words = np.zeros(M * C, np.uint16)
    relu = (f(M, C), f(M, C), f(M, C))
    steps = native.Sequences((M, M), False)
    three, four = f(M, 3 * C), f(M, 4 * C)
    q, k, v, p, y = (f(2, 3, *size) for size in ((5, 4), (6, 4), (6, 7), (5, 6), (5, 7)))
    return {
        "attention": (native.attention, [q, k, v, p.copy(), p.copy(), 0.5, True, p, y]),
        "attention_grad": (
            native.attention_grad,
            [y, q, k, v, p, p.copy(), 0.5, q.copy(), k.copy(), v.copy()],
        ),
        "conv": (conv.forward, [f(M, C), f(5, C), f(5), f(M, 5), False]),
        "conv_phases": (
            native.ConvPhases([conv], [0]).forward,
            [f(M, C), f(5, C), f(5), f(M, 5), False],
        ),
        "conv_weight": (conv.weight, [f(M, C), f(M, 5), f(C, 5)]),
        "max_forward": (pool.max_forward, [f(M, 4), f(M, 2), False]),
        "max_indices": (pool.max_indices, [f(M, 4), np.zeros((M, 2), np.int64)]),
        "max_grad": (pool.max_grad, [f(M, 2), f(M, 4), f(M, 2), f(M, 4)]),
        "avg_forward": (pool.avg_forward, [f(M, 4), f(M, 2)]),
        "avg_grad": (pool.avg_grad, [f(M, 2), f(M, 4)]),
        "maps": (maps().apply, [f(M, 4), f(M, 2)]),
        "relu": (native.relu, [f(M, C), f(M, C)]),
        "relu_grad": (native.relu_grad, [*relu]),
        "turn": (native.turn, [f(M, C), f(M, C), 2, C, M // 2]),
        "in_order": (native.in_order, [f(M, C), f(C, M)]),
        "sigmoid": (native.sigmoid, [f(M, C), f(M, C)]),
        "softmax": (native.softmax, [f(M, C), f(M, C), C, 1]),
        "softmax_grad": (native.softmax_grad, [*relu, C, 1]),
        "log_softmax": (native.log_softmax, [f(M, C), f(M, C), C, 1]),
        "log_softmax_grad": (native.log_softmax_grad, [*relu, C, 1]),
        "cross_entropy": (native.cross_entropy, [f(M, C), classes, f(M), f(M, C), f(M), C, 1]),
        "cross_entropy_grad": (
            native.cross_entropy_grad,
            [f(M, C), f(M), classes, f(M), 0.0, f(M, C), C, 1],
        ),
        "dropout_factor": (native.dropout_factor, [words, 7, 1.0, f(M, C)]),
        "column_sum": (native.column_sum, [f(M, C), f(C)]),
        "batch_norm_train": (
            native.batch_norm_train,
            [f(M, C), f(C), f(C), 1e-5, f(M, C), f(C), f(C), f(2, C), False],
        ),
        "batch_norm_grad": (
            native.batch_norm_grad,
            [f(M, C), f(M, C), f(2, C), f(C), f(M, C), f(M, C), f(C), f(C)],
        ),
        "batch_norm_eval": (
            native.batch_norm_eval,
            [f(M, C), f(C), f(C), f(C), f(C), 1e-5, f(M, C), f(C), False],
        ),
        "batch_norm_eval_grad": (
            native.batch_norm_eval_grad,
            [f(M, C), f(M, C), f(C), f(C), f(C), f(M, C), f(C), f(C)],
        ),
        "group_norm": (
            native.group_norm,
            [f(M, 2 * C), C, False, f(C), f(C), 1e-5, f(M, 2 * C), f(M, 1), f(M, 1), f(M, 1)],
        ),
        "group_norm_grad": (
            native.group_norm_grad,
            [
                *(f(M, 2 * C), f(M, 2 * C), C, True, f(M, 1), f(M, 1), f(C)),
                *(f(M, 2 * C), f(C), f(C)),
            ],
        ),
        "layer_norm": (native.layer_norm, [f(M, C), f(C), f(C), 1e-5, True, f(M, C), f(2, M)]),
        "layer_norm_grad": (
            native.layer_norm_grad,
            [f(M, C), f(M, C), f(2, M), f(C), True, f(M, C), f(C), f(C)],
        ),
        "lstm_step": (
            native.lstm_step,
            [four, four, f(M, C), f(M, 4 * C), *(f(M, C) for _ in range(3))],
        ),
        "lstm_step_grad": (
            native.lstm_step_grad,
            [f(M, C), f(M, C), f(M, 4 * C), four, f(M, C), f(M, C)],
        ),
        "lstm": (
            steps.lstm,
            [
                *(f(2 * M, 4 * C), f(M, C), f(M, C), f(4 * C, C), f(2 * M, 4 * C)),
                *(f(2 * M, C), f(2 * M, C), f(2 * M, C), f(M, C), f(M, C)),
            ],
        ),
        "lstm_grad": (
            steps.lstm_grad,
            [
                *(f(2 * M, C), f(M, C), f(M, C), f(4 * C, C), f(2 * M, 4 * C)),
                *(f(2 * M, C), f(2 * M, C), f(M, C), f(2 * M, 4 * C)),
            ],
        ),
        "gru": (
            steps.gru,
            [
                *(f(2 * M, 3 * C), f(M, C), f(3 * C, C), f(C), f(2 * M, 2 * C)),
                *(f(2 * M, C), f(2 * M, C), f(2 * M, C), f(M, C)),
            ],
        ),
        "gru_grad": (
            steps.gru_grad,
            [
                *(f(2 * M, C), f(M, C), f(3 * C, C), f(2 * M, 2 * C), f(2 * M, C)),
                *(f(2 * M, C), f(2 * M, C), f(M, C), f(2 * M, 3 * C), f(2 * M, 3 * C)),
            ],
        ),
        "gru_step": (
            native.gru_step,
            [three, three, f(C), f(M, C), f(M, 2 * C), f(M, C), f(M, C), f(M, C)],
        ),
        "gru_step_grad": (
            native.gru_step_grad,
            [f(M, C), f(M, 4 * C), f(M, 2 * C), f(M, C), f(M, C), f(M, C)],
        ),
    }


each_array = pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, i)
        for name, (_, args) in calls().items()
        for i, a in enumerate(args)
        if isinstance(a, np.ndarray)
    ],
)


@pytest.mark.parametrize("name", [*calls()])
def test_right_arguments_are_taken(name: str) -> None:
    function, args = calls()[name]
    assert function(*args) is None


@each_array
@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_another_dtype_is_refused(name: str, place: int, dtype: str) -> None:
    function, args = calls()[name]
    if dtype == "float64" and (name, place) in {("max_indices", 0), ("dropout_factor", 3)}:
        return  # the only array of floats
    args[place] = args[place].astype(dtype)
    got = f"got ({dtype}|float(32|64) beside float(32|64))"
    with pytest.raises(TypeError, match=rf"{got}.*, expected"):
        function(*args)


@each_array
def test_another_size_is_refused(name: str, place: int) -> None:
    function, args = calls()[name]
    if name == "column_sum" and place == 0:
        return  # the sums are as many for any number of rows
    args[place] = args[place][:-1]
    with pytest.raises(ValueError, match=r"got \d+.*, expected \d+"):
        function(*args)


@pytest.mark.parametrize(
    "name",
    [
        *("softmax", "softmax_grad", "log_softmax", "log_softmax_grad"),
        *("cross_entropy", "cross_entropy_grad"),
    ],
)
@pytest.mark.parametrize("axis", [(0, 1), (-1, 1), (5, 1), (1, 0), (1, -1), (1, 5)])
def test_axes_divide_the_array(name: str, axis: tuple[int, int]) -> None:
    function, args = calls()[name]
    with pytest.raises(ValueError, match="axis that does not divide"):
        function(*args[:-2], *axis)


def test_rows_have_two_dims() -> None:
    function, args = calls()["column_sum"]
    args[0] = args[0].ravel()
    with pytest.raises(ValueError, match=re.escape("got 1 dims, expected 2")):
        function(*args)


def test_windows_stay_inside() -> None:
    for wrong in (
        {"first": (0, 3)},
        {"first": (-1, 2)},
        {"count": (2, 3)},
        {"count": (2,)},
        {"divisor": (2.0,)},
    ):
        with pytest.raises(ValueError, match="windows that leave the input"):
            windows(**wrong)
    windows(first=(0, 9), count=(2, 0))  # one without cells may be anywhere


def test_maps_stay_inside() -> None:
    for wrong in (
        {"start": (0, 2, 1)},
        {"start": (1, 2, 3)},
        {"start": (0,)},
        {"index": (1, 0, 4)},
        {"index": (-1, 0, 3)},
    ):
        with pytest.raises(ValueError, match="entries that leave the axes"):
            maps(**wrong)
    with pytest.raises(ValueError, match="expected 2"):
        maps(index=(1, 0))


def test_a_convolution_has_three_dims() -> None:
    for wrong in ({"in": [1]}, {"out": [1, 1]}, {"xs": [1, 1, 1]}, {"w": []}, {"offsets": [[0]]}):
        with pytest.raises(ValueError, match="three dims"):
            convolution(**wrong)
    for wrong in ({"offsets": [[0], [0], [0, 1]]}, {"weights": [[0], [0], []]}):
        with pytest.raises(ValueError, match="each tap"):
            convolution(**wrong)
    with pytest.raises(ValueError, match="behind the first"):
        convolution(weights=[[0], [0], [-1]])


def test_windows_of_maxima_lie_inside_the_output() -> None:
    for pool in ([0, 1], [1, 0], [1, 2], [2**40, 2**40]):
        with pytest.raises(ValueError, match="inside the output"):
            convolution(pool=pool)
    pooled = convolution(**{"in": [1, 4, 4], "out": [1, 4, 4], "pool": [2, 2]})
    assert pooled.pools
    with pytest.raises(ValueError, match="no maxima"):
        native.ConvPhases([pooled], [0])
    assert not convolution(out=[1, 300, 300], pool=[300, 300]).pools
