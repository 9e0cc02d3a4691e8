"""Axes: ticks that a person reads, values at their places, long lines by their extremes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.train.report.axes import epoch_axis, linear_axis, log_axis, thinned

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(VALUES)
def test_every_finite_value_has_its_place_on_a_linear_axis(values):
    axis = linear_axis(values)
    assert 2 <= len(axis.ticks) <= 8
    assert len({text for _, text in axis.ticks}) == len(axis.ticks)
    for value in values:
        place = axis.place(value)
        assert (place is None) == (not abs(value) <= 1e150)
        assert place is None or -1e-9 <= place <= 1 + 1e-9
    for place, text in axis.ticks:
        if abs(float(text)) <= 1e150:
            assert axis.place(float(text)) == pytest.approx(place, abs=0.02)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(min_value=1e-100, max_value=1e100), min_size=2, max_size=8, unique=True))
def test_every_positive_value_has_its_place_on_a_logarithmic_axis(values):
    axis = log_axis(values)
    if axis is None:
        assert max(values) < 1.02 * min(values)
        return
    assert 2 <= len(axis.ticks) <= 10
    for value in values:
        assert -1e-6 <= axis.place(value) <= 1 + 1e-6
    for place, text in axis.ticks:
        assert axis.place(float(text)) == pytest.approx(place, abs=0.02)
    assert axis.place(0.0) is None


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.975, 0.99], ["0.975", "0.980", "0.985", "0.990"]),
        ([3.0, 3.0], ["1", "2", "3", "4", "5"]),
        ([5e-7, 2e-6], ["5e-7", "1e-6", "1.5e-6", "2e-6"]),
        ([-2.0, 9.0], ["-5", "0", "5", "10"]),
        ([0.0], ["-0.6", "-0.4", "-0.2", "0", "0.2", "0.4", "0.6"]),
        ([2e5, 9e5], ["0", "2e5", "4e5", "6e5", "8e5", "1e6"]),
        ([math.nan], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_of_a_linear_axis(values, texts):
    assert [text for _, text in linear_axis(values).ticks] == texts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.03, 0.08], ["0.02", "0.05", "0.1"]),
        ([0.9, 0.99], ["0.9", "1"]),
        ([1e-9, 1.0], ["1e-9", "1e-7", "1e-5", "0.001", "0.1", "10"]),
        ([0.0, 2.0, 30.0], ["2", "5", "10", "20", "50"]),
        ([2.0, 3000.0], ["1", "10", "100", "1000", "10000"]),
    ],
)
def test_ticks_of_a_logarithmic_axis(values, texts):
    assert [text for _, text in log_axis(values).ticks] == texts


@pytest.mark.parametrize(
    ("first", "last", "texts"),
    [
        (1, 1, ["1"]),
        (1, 3, ["1", "2", "3"]),
        (1, 30, ["5", "10", "15", "20", "25", "30"]),
        (1, 5000, ["1,000", "2,000", "3,000", "4,000", "5,000"]),
    ],
)
def test_ticks_of_epochs(first, last, texts):
    assert [text for _, text in epoch_axis(first, last).ticks] == texts


def test_a_long_line_keeps_its_spikes_and_its_ends():
    line = [(float(i), math.sin(i / 900)) for i in range(20_000)]
    line[7_777], line[12_345] = (7777.0, 50.0), (12345.0, -50.0)
    line[3] = (3.0, math.nan)
    short = thinned(line)
    assert len(short) <= 4 * 240
    assert {line[0], line[7_777], line[12_345], line[-1]} <= {*short}
    assert short == sorted(short)
    assert thinned(line[:960]) == line[:960]
