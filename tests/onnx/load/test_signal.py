"""Fourier transforms, windows and mel weights of ONNX; gradients; errors."""

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, check_gradient, integers, normal, run

pytest.importorskip("onnx")

REAL, PAIRS = normal(2, 9, 3, 1), normal(2, 9, 3, 2)


def whole(value: int) -> np.ndarray:
    return np.array(value, np.int64)


CASES = [
    *[
        case("DFT", 17, x, whole(n), axis=1, inverse=inverse)
        for x in (REAL, PAIRS)
        for n in (6, 9, 12)
        for inverse in (0, 1)
    ],
    case("DFT", 17, REAL, axis=1, onesided=1),
    case("DFT", 17, REAL, whole(8), axis=2, onesided=1),
    case("DFT", 20, PAIRS, None, whole(-3)),
    case("DFT", 20, REAL, whole(4)),
    case("STFT", 17, normal(2, 30, 1), whole(4), abs(normal(8)), whole(8)),
    case("STFT", 17, normal(2, 30, 1), whole(5), None, whole(7), onesided=0),
    *[case(op, 17, whole(9), periodic=p) for op in ("HannWindow", "HammingWindow") for p in (0, 1)],
    *[case("BlackmanWindow", 17, whole(9), periodic=p) for p in (0, 1)],
]


@pytest.mark.parametrize("node", CASES, ids=str)
def test_agrees_with_onnxruntime(node: Case) -> None:
    agree(node, 1e-4)


@pytest.mark.parametrize("n", [7, 8])
def test_onesided_spectra_go_back_to_the_signal(n: int) -> None:
    x = normal(2, n, 3, 1)
    half = run(case("DFT", 20, x, None, whole(1), onesided=1))[0].numpy()
    wanted = np.fft.rfft(x[..., 0], axis=1)
    np.testing.assert_allclose(half[..., 0] + 1j * half[..., 1], wanted, rtol=1e-4, atol=1e-5)
    back = run(case("DFT", 20, half, whole(n), whole(1), onesided=1, inverse=1))[0].numpy()
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-5)
    if n == 8:  # 2 (m - 1) values, where the file does not say how many
        again = run(case("DFT", 20, half, None, whole(1), onesided=1, inverse=1))[0].numpy()
        np.testing.assert_array_equal(again, back)


def test_complex_signals_have_two_sides() -> None:
    signal = normal(1, 12, 2)
    y = run(case("STFT", 17, signal, whole(3), None, whole(6)))[0].numpy()
    z = signal[0, :, 0] + 1j * signal[0, :, 1]
    frames = np.stack([z[k : k + 6] for k in range(0, 7, 3)])
    np.testing.assert_allclose(y[0, ..., 0] + 1j * y[0, ..., 1], np.fft.fft(frames), atol=1e-4)


def test_windows_of_few_cells_and_of_other_dtypes() -> None:
    np.testing.assert_array_equal(run(case("HannWindow", 17, whole(1)))[0].numpy(), [0.0])
    assert run(case("HannWindow", 17, whole(0)))[0].shape == (0,)
    assert run(case("HannWindow", 17, whole(3), output_datatype=11))[0].numpy().dtype == np.float64


def test_mel_weights_are_triangles() -> None:
    edges = np.array(100.0, np.float32), np.array(3800.0, np.float32)
    y = run(case("MelWeightMatrix", 17, whole(8), whole(256), whole(8000), *edges))[0].numpy()
    assert y.shape == (129, 8) and (y >= 0).all() and (y.max(0) == 1).all()
    assert (np.diff(y.argmax(0)) > 0).all()
    agree(case("MelWeightMatrix", 17, whole(8), whole(256), whole(8000), *edges))


@pytest.mark.parametrize(
    "node",
    [
        case("DFT", 20, REAL, whole(5), whole(1), onesided=1),
        case("DFT", 20, PAIRS, whole(9), whole(1), onesided=1, inverse=1),
        case("DFT", 20, PAIRS, whole(12), inverse=1),
        case("STFT", 17, normal(1, 12, 1), whole(3), abs(normal(4))),
    ],
    ids=str,
)
def test_gradients(node: Case) -> None:
    check_gradient(node)


@pytest.mark.parametrize(
    "node, message",
    [
        (case("DFT", 20, normal(2, 3, 3)), r"\(\*, 1\) or \(\*, 2\)"),
        (case("DFT", 20, REAL, None, whole(3)), "with axis 3"),
        (case("DFT", 20, PAIRS, onesided=1), r"onesided: got .* expected real values"),
        (case("DFT", 20, REAL, onesided=1, inverse=1), "expected complex values"),
        (case("DFT", 20, REAL, whole(0)), "dft_length 0"),
        (case("STFT", 17, normal(1, 5, 1), whole(1), None, whole(9)), "frames of 9 every 1"),
        (case("STFT", 17, normal(1, 5, 1), whole(1), normal(3), whole(4)), r"a window \(3,\)"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)


def test_the_axis_may_be_a_list_of_one() -> None:
    found = run(case("DFT", 20, PAIRS, None, integers(1)))[0]
    np.testing.assert_array_equal(found.numpy(), run(case("DFT", 20, PAIRS, None, whole(1)))[0])
