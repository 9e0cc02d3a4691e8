"""Every compiled kernel against its reference, on every level of instructions that runs here."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernels.native import LAYOUTS, Made, Sample, Scratch, difference, levels
from tests.kernels.samples_conv import calls

from rushlight.arrays import is_channels_last
from rushlight.compiled import native
from rushlight.kernels.reference import REFERENCE
from rushlight.kernels.reference.onward import one_by_one

if native is None:
    pytest.skip("there is no compiled extension here", allow_module_level=True)

from rushlight.kernels.native import NATIVE, linear

SAMPLES: dict[str, list[Sample]] = {}
for _path in sorted(Path(__file__).parent.glob("samples_*.py")):
    SAMPLES |= importlib.import_module(f"tests.kernels.{_path.stem}").SAMPLES

LIMITS = {"float32": 1e-5, "float64": 1e-12}
# Kernels whose results differ by no more than so many roundings.
ROUNDINGS = {
    "adaptive_max_forward": 0,
    "adam_step": 8,
    "dropout_factor": 0,
    "max_pool_forward": 0,
    "max_pool_grad": 0,
    "max_pool_indices": 0,
    "relu_forward": 0,
    "relu_grad": 0,
    "sgd_step": 8,
}
# Kernels that refuse parameters, statistics or gradients with strides that no item's size divides.
UNFIT = {
    "adam_step",
    "follow",
    "sgd_step",
}
# Kernels whose results are functions of single numbers.
ELEMENTWISE = [
    *("elu_forward", "elu_grad", "hardsigmoid_forward", "hardsigmoid_grad", "hardswish_forward"),
    *("hardswish_grad", "leaky_relu_forward"),
    *("leaky_relu_grad", "logsigmoid_forward", "relu_forward", "relu_grad", "sigmoid_forward"),
    *("softplus_forward", "tanh_forward"),
]
LEVELS = levels()
every_kernel = pytest.mark.parametrize("name", sorted(NATIVE.keys() & SAMPLES.keys()))
every_level = pytest.mark.parametrize("level", LEVELS)
every_dtype = pytest.mark.parametrize("dtype", LIMITS)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    best, count = native.level(), native.threads()
    monkeypatch.setattr(linear, "ROWS", 0)  # small products, too
    monkeypatch.setattr(linear, "WORK", 0)
    with np.errstate(all="ignore"):  # as the tape runs kernels: inf and nan are values
        yield
    native.choose_level(best)
    native.set_threads(count)


@contextmanager
def said(name: str, i: int, sample: Sample, layout: str = "C") -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        shapes = [np.shape(a) if isinstance(a, np.ndarray) else a for a in sample.args]
        error.add_note(f"sample {i} of {name}: {shapes} {sample.options}, arrays {layout}")
        raise


def limit_of(name: str, dtype: str) -> float:
    roundings = ROUNDINGS.get(name)
    return LIMITS[dtype] if roundings is None else roundings * float(np.finfo(dtype).eps)


def called(table: dict[str, Any], name: str, sample: Sample) -> tuple[list[Any], list[Any]]:
    """Call a kernel; return its results, and its arguments, which it may have written."""
    args = list(sample.args)
    for i, a in enumerate(args):
        if isinstance(a, Made):
            args[i] = called(table, a.kernel, a.sample)[0][-1]
        elif isinstance(a, Scratch):
            args[i] = [np.full_like(args[0], 7) for _ in range(a.count)]
    result = table[name](*args, **sample.options)
    results = [*result] if isinstance(result, (tuple, list)) else [result]
    own = [isinstance(a, (Made, Scratch)) for a in sample.args]
    return results, [a for a, mine in zip(args, own, strict=True) if not mine]


def run(table: dict[str, Any], name: str, sample: Sample) -> list[Any]:
    results, args = called(table, name, sample)
    return [*results, *args]


def laid(sample: Sample, layout: str) -> Sample:
    """Return the sample with its arrays laid out otherwise."""
    return sample.each(LAYOUTS[layout], fixed=False)


def plain(sample: Sample) -> Sample:
    return sample._replace(args=tuple(copy.deepcopy(a) for a in sample.args))


def is_cache(a: Any) -> bool:
    """Tell whether it is what a forward kernel keeps for its gradient: each side as it likes."""
    return isinstance(a, tuple) and any(isinstance(part, np.ndarray) for part in a)


def check(found: list[Any], expected: list[Any], limit: float, scale: float = 0.0) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, (np.ndarray, np.generic)):
            assert difference(a, b, scale) <= limit
        else:
            assert (is_cache(a) and is_cache(b)) or a == b


def bits(results: list[Any]) -> list[Any]:
    return [
        a.tobytes() if isinstance(a, np.ndarray) else bits([*a]) if is_cache(a) else a
        for a in results
    ]


def test_every_kernel_has_a_reference_and_samples() -> None:
    assert NATIVE.keys() <= REFERENCE.keys()
    assert NATIVE.keys() <= SAMPLES.keys()


def test_the_best_level_is_taken() -> None:
    assert native.level() == LEVELS[0]
    assert LEVELS[-1] == "baseline"
    assert not native.choose_level("no such level")
    assert native.level() == LEVELS[0]


@every_dtype
@every_kernel
def test_equals_the_reference(name: str, dtype: str) -> None:
    for i, sample in enumerate(SAMPLES[name]):
        sample = sample.cast(dtype)
        expected = run(REFERENCE, name, plain(sample))
        for level in LEVELS:
            native.choose_level(level)
            with said(f"{name} ({level})", i, sample):
                found = run(NATIVE, name, plain(sample))
                check(found, expected, limit_of(name, dtype), sample.scale)


@every_dtype
@every_kernel
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_memory_layout_gives_the_same(name: str, layout: str, dtype: str) -> None:
    if layout == "field" and name in UNFIT:
        return
    for i, sample in enumerate(SAMPLES[name]):
        if sample.large:
            continue
        other = laid(sample.cast(dtype), layout)
        same = other.each(ordered)
        with said(name, i, sample, layout):
            limit = limit_of(name, dtype)
            if layout == "spread":  # sums of equal terms: all roundings go one way
                limit *= 3000 if "norm" in name else 10  # and 1 / std is that of eps alone
            check(run(NATIVE, name, other), run(REFERENCE, name, same), limit, sample.scale)


def ordered(a: Any) -> Any:
    return np.array(a, order="C")


@every_kernel
@pytest.mark.parametrize("layout", ["C", "channels-last"])
def test_results_lie_as_those_of_the_reference(name: str, layout: str) -> None:
    for i, sample in enumerate(SAMPLES[name]):
        sample = laid(sample, layout)
        found, expected = (called(table, name, plain(sample))[0] for table in (NATIVE, REFERENCE))
        with said(name, i, sample, layout):
            for a, b in zip(found, expected, strict=True):
                if isinstance(b, np.ndarray):
                    assert is_channels_last(a) == is_channels_last(b)


@every_kernel
def test_arguments_may_be_read_only(name: str) -> None:
    """Results are fresh, too: they share no memory with the arguments."""
    for i, sample in enumerate(SAMPLES[name]):
        arrays: list[Any] = []

        def guarded(a: Any, arrays: list[Any] = arrays) -> Any:
            a = a.copy()
            a.flags.writeable = False
            arrays.append(a)
            return a

        sample = plain(sample).each(guarded, fixed=False)
        with said(name, i, sample):
            for result in called(NATIVE, name, sample)[0]:
                if isinstance(result, np.ndarray):
                    assert result.flags.writeable
                    assert not any(np.shares_memory(result, a) for a in arrays)


@every_dtype
@every_level
@every_kernel
def test_any_number_of_threads_gives_the_same_bits(name: str, level: str, dtype: str) -> None:
    native.choose_level(level)
    for i, sample in enumerate(SAMPLES[name]):
        if not sample.large:  # one thread does it, whatever the number
            continue
        sample = sample.cast(dtype)
        found = []
        for count in (1, 2, 3, 2):
            native.set_threads(count)
            found.append(bits(run(NATIVE, name, plain(sample))))
        with said(name, i, sample):
            assert found.count(found[0]) == len(found)


@pytest.mark.parametrize("name", ["conv_forward", "max_pool_forward"])
def test_more_threads_than_tasks_or_than_shares_of_them(name: str) -> None:
    for i, sample in enumerate(sample for sample in SAMPLES[name] if sample.large):
        found = []
        for count in (1, 5, 19):
            native.set_threads(count)
            found.append(bits(run(NATIVE, name, plain(sample))))
        with said(name, i, sample):
            assert found.count(found[0]) == len(found)


@every_level
@pytest.mark.parametrize(
    "name", ["conv_forward", "conv_input_grad", "conv_weight_grad", "conv_onward"]
)
def test_bits_of_a_convolution_do_not_depend_on_the_layout(name: str, level: str) -> None:
    native.choose_level(level)
    for i, sample in enumerate(SAMPLES[name]):
        if sample.large:
            continue
        found = [called(NATIVE, name, laid(sample, each))[0][0] for each in ("C", "channels-last")]
        with said(name, i, sample):
            assert np.array_equal(*found, equal_nan=True)


@every_level
@every_dtype
def test_a_convolution_that_goes_on_has_the_bits_of_its_steps(level: str, dtype: str) -> None:
    native.choose_level(level)
    steps = [NATIVE[name] for name in ("conv_forward", "batch_norm_eval", "max_pool_forward")]
    for i, sample in enumerate(sample.cast(dtype) for sample in SAMPLES["conv_onward"]):
        x, w, b, mean, var, norm_w, norm_b, eps, *geometry, pool, relu = sample.args
        norm = None if mean is None else (mean, var, norm_w, norm_b, eps)
        with said("conv_onward", i, sample):
            found = called(NATIVE, "conv_onward", sample)[0][0]
            expected = one_by_one(tuple(steps), (x, w, b, *geometry), norm, pool, relu)
            assert np.array_equal(found, expected, equal_nan=True)


@every_level
@every_dtype
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_bits_of_an_activation_do_not_depend_on_the_layout(
    name: str, level: str, dtype: str
) -> None:
    """Else it is NumPy that computes them, ten times as long: halves of a gated layer, say."""
    native.choose_level(level)
    for i, sample in enumerate(sample.cast(dtype) for sample in SAMPLES[name]):
        if sample.large or sample.args[0].ndim == 0:
            continue
        plain = called(NATIVE, name, sample)[0][0]
        for layout in LAYOUTS.keys() - {"C", "spread"}:  # "spread" has other values
            with said(name, i, sample, layout):
                found = called(NATIVE, name, laid(sample, layout))[0][0]
                assert np.array_equal(found, plain, equal_nan=True)


@every_level
def test_gradients_of_weights_are_sums_of_sums(level: str) -> None:
    """Of terms of one sign, some quarter of a million to a share."""
    native.choose_level(level)
    random = np.random.default_rng(0)
    x, g = random.random((1, 1, 2048, 2048)), random.random((1, 1, 2047, 2047))
    geometry = ((1, 1, 2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    exact = NATIVE["conv_weight_grad"](x, g, *geometry)
    found = NATIVE["conv_weight_grad"](x.astype("f"), g.astype("f"), *geometry)
    assert difference(found.astype("d"), exact) <= 1e-6


@every_kernel
def test_some_sample_is_enough_for_several_threads(name: str) -> None:
    assert any(sample.large for sample in SAMPLES[name])


sizes = st.sampled_from([1, 2, 3, 5, 7, 8, 13, 16, 17, 29, 33])
widths = st.sampled_from([1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 65])


@st.composite
def convolutions(draw: Any) -> Any:
    """A case as in samples_conv.py."""
    dims = draw(st.integers(1, 3))
    groups = draw(st.sampled_from([1, 1, 2, 3, 17, 40]))
    wide = widths if groups < 4 and draw(st.booleans()) else st.just(1)  # or each channel by itself

    def each(strategy: Any) -> Any:
        return tuple(draw(strategy) for _ in range(dims))

    few = st.integers(1, 3)
    kernel, stride, dilation = each(few), each(few), each(few)
    padding = each(st.tuples(st.integers(-2, 3), st.integers(-2, 3)))
    size = tuple(
        max(1 + max(0, -lo) + max(0, -hi), d * (k - 1) + 1 - lo - hi)
        + draw(sizes if dims < 3 else few)
        for k, d, (lo, hi) in zip(kernel, dilation, padding, strict=True)
    )
    shape = (draw(st.integers(0, 3)), groups * draw(wide), *size)
    return (shape, groups * draw(wide), kernel, stride, padding, dilation, groups)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(convolutions(), st.sampled_from(LEVELS), st.sampled_from([*LAYOUTS]))
def test_any_convolution(case: Any, level: str, layout: str) -> None:
    before = native.level()
    try:
        native.choose_level(level)
        for name, samples in calls(case).items():
            for sample in samples:
                other = laid(sample, layout)
                found = run(NATIVE, name, other)
                check(found, run(REFERENCE, name, other.each(ordered)), 1e-12)
    finally:
        native.choose_level(before)
