"""The compiled optimizer steps: no bit depends on where a number lies; what they do not take."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.compiled import native
from rushlight.kernels.reference import optim as reference

if native is None:
    pytest.skip("the compiled extension was not built or not wanted", allow_module_level=True)

from rushlight.kernels.native import optim

BEST = native.level()
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def level(request):
    if not native.choose_level(request.param):
        pytest.skip(f"this CPU, or this build, has no {request.param}")
    yield request.param
    native.choose_level(BEST)


@pytest.fixture(autouse=True)
def one_thread():
    before = native.threads()
    native.set_threads(1)
    yield
    native.set_threads(before)


def arrays(count, size, dtype, shift=0):
    """Return arrays of random numbers; `shift` elements behind where memory begins."""
    rng = np.random.default_rng(size)
    found = []
    for _ in range(count):
        array = np.empty(size + shift, dtype)[shift:]
        array[...] = rng.standard_normal(size)
        found.append(array)
    return found


def adam(module, parameter, gradient, mean, square, largest, **options):
    options = {
        "step": 3.0,
        "lr": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "decay": 0,
        "decoupled": False,
        "maximize": False,
        **options,
    }
    state = [np.copy(a, order="K") for a in (parameter, mean, square)]
    most = None if largest is None else np.copy(largest, order="K")
    weight, m, v = state
    scratch = (np.empty_like(parameter), np.empty_like(parameter))
    given = gradient.copy()
    with np.errstate(all="ignore"):
        result = module.adam_step(weight, gradient, m, v, most, **options, scratch=scratch)
    assert result is None
    np.testing.assert_array_equal(gradient, given)
    return [*state, *([] if most is None else [most])]


def sgd(module, parameter, gradient, buffer, **options):
    options = {
        "lr": 0.01,
        "momentum": 0,
        "dampening": 0,
        "decay": 0,
        "nesterov": False,
        "maximize": False,
        "first": False,
        **options,
    }
    weight, buffer = np.copy(parameter, order="K"), np.copy(buffer, order="K")
    scratch = (np.empty_like(parameter), np.empty_like(parameter))
    given = gradient.copy()
    with np.errstate(all="ignore"):
        module.sgd_step(
            weight, gradient, buffer if options["momentum"] else None, **options, scratch=scratch
        )
    np.testing.assert_array_equal(gradient, given)
    return [weight, buffer]


def close(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        tolerance = 8 * np.finfo(a.dtype).eps
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def adam_case(size, dtype, amsgrad, shift=0):
    parameter, gradient, mean, square, largest = arrays(5, size, dtype, shift)
    return parameter, gradient, mean, square**2, largest**2 if amsgrad else None


@dtypes
def test_cuts_threads_and_addresses_change_no_bit(level, dtype):
    size = 3 * 16384 + 77
    case = adam_case(size, dtype, True)
    whole, momentum = adam(optim, *case, decay=0.1), sgd(optim, *case[:3], momentum=0.9)

    def same(found, expected):
        for a, b in zip(found, expected, strict=True):
            assert a.tobytes() == b.tobytes()

    for cut in (slice(0, 1), slice(5, 108), slice(16380, 40001)):
        part = tuple(a[cut] for a in case)
        same(adam(optim, *part, decay=0.1), [a[cut] for a in whole])
        same(sgd(optim, *part[:3], momentum=0.9), [a[cut] for a in momentum])
    shifted = adam_case(size, dtype, True, shift=1)
    same(adam(optim, *shifted, decay=0.1), whole)
    native.set_threads(2)
    same(adam(optim, *case, decay=0.1), whole)
    same(sgd(optim, *case[:3], momentum=0.9), momentum)


@pytest.mark.parametrize("form", ["float16", "transposed", "every second", "scalar", "mixed"])
def test_other_arrays_are_left_to_the_reference(form):
    case = [a.reshape(12, 8) for a in adam_case(96, np.float64, True)]
    if form == "float16":
        case = [a.astype(np.float16) for a in case]
    elif form == "transposed":
        case = [a.T for a in case]
    elif form == "every second":
        case = [a[::2, ::2] for a in case]
    elif form == "scalar":
        case = [a[3, 3].reshape(()) for a in case]
    else:
        case = [case[0], case[1].astype(np.float32), *case[2:]]
    close(adam(optim, *case), adam(reference, *case))
    close(sgd(optim, *case[:3], momentum=0.9), sgd(reference, *case[:3], momentum=0.9))
