"""Every layer of the catalogue is served: it agrees with the model, or stands in a list."""

from __future__ import annotations

import pytest
from tests.nn.modules import ModuleSample
from tests.serve.served import NOT_SERVED, batch_axes, changes_itself, predicting, tensors

import rushlight as rl
from rushlight.graph import RecordError
from rushlight.serve import export

SAMPLES = predicting()


@pytest.mark.parametrize(("name", "sample"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_sample_is_served(name, sample: ModuleSample, tmp_path):
    rl.manual_seed(0)
    model = sample.make()
    inputs = tensors(sample.inputs)
    if name.partition("-")[0] in NOT_SERVED:
        with pytest.raises(RecordError):  # its random numbers are given for one batch
            export(model, inputs, tmp_path / "served")
        return
    if changes_itself(model):
        with pytest.raises(RecordError, match="writes into"):
            export(model, inputs, tmp_path / "served", batch_axis=None)
        return
    report = export(model, inputs, tmp_path / "served", batch_axis=batch_axes(model, inputs))
    assert report.max_error <= 2e-6  # the Transformers' own rounding is as large
    assert report.files["model.py"] < 100_000


def test_random_numbers_are_refused(tmp_path):
    model = rl.nn.FractionalMaxPool2d(2, output_size=3)
    with pytest.raises(RecordError, match="random"):
        export(model, rl.randn(2, 3, 8, 8), tmp_path / "served")


def test_list_has_no_layer_that_is_served():
    classes = {name.partition("-")[0] for name, _ in SAMPLES}
    assert classes >= set(NOT_SERVED)
