"""Every sample of every module, beside onnxruntime."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.onnx.export.modules import NOT_CALLED, PARTLY, REFUSED, layers, results


def test_every_sample_agrees_with_onnxruntime_or_is_refused_for_a_known_reason() -> None:
    wrong = []
    for result in results():
        kind = type(result.module).__name__
        expected = REFUSED.get(kind)
        if kind in PARTLY and PARTLY[kind][0](result.module):
            expected = PARTLY[kind][1:]
        if expected is not None:
            refused = isinstance(result.error, expected[0]) and expected[1] in str(result.error)
            if not refused:
                wrong.append(f"{result.name}: {result.error or 'exported'}")
        elif result.error is not None:
            wrong.append(f"{result.name}: {result.error}")
        else:
            report = result.report
            assert len(report.runs) == 2 and report.errors.keys() == report.limits.keys()
            if not all(report.errors[name] <= limit for name, limit in report.limits.items()):
                wrong.append(f"{result.name}: {report}")
    assert not wrong, "\n".join(wrong)


def test_every_layer_has_a_sample() -> None:
    seen = {type(result.module).__name__ for result in results()}
    made = {name for name in layers() if name.startswith("Lazy")}  # seen as what they become
    assert set(layers()) - seen - made - NOT_CALLED == set()
