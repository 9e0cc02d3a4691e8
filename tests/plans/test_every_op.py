"""Every op over every sample: a plan that is made of it gives the bits of the op on other values.

What a recording loses sight of would be the same at each call: other values show that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Sample
from tests.ops.test_contract import SAMPLES, is_float

from rushlight.kernels import source
from rushlight.ops.contract import OPS, Op
from rushlight.plans.calls import Unplanned
from rushlight.plans.recording import Recorded, record
from rushlight.tape import TensorBase, apply, wrap

# Ops of which all samples can be recorded; no fewer shall.
WHOLE = set(
    """
add sub mul div neg exp log relu prelu sigmoid tanh gelu silu softmax log_softmax linear matmul conv
max_pool avg_pool batch_norm_train batch_norm_eval group_norm layer_norm dropout mse_loss
sum mean reshape permute expand cat cast
""".split()  # noqa: SIM905 (a list of names would be a column)
)


# the reference of max-pooling looks for nan, and goes on accordingly
NATIVE = source("max_pool_forward") == "native"


def other(values: Any, rng: np.random.Generator) -> Any:
    """Other values from the same range: the old ones in another order."""
    return rng.permutation(values.reshape(-1)).reshape(values.shape)


def tensors_of(op: Op, sample: Sample, dtype: str) -> list[Any]:
    """The arguments as leaves of a graph, where they are floating."""
    found: list[Any] = []
    for arg in sample.args:
        if isinstance(arg, np.ndarray):
            arg = wrap(arg.astype(dtype) if is_float(arg) else arg.copy())
            arg._requires_grad = is_float(arg._array) and sample.gradient
        found.append(arg)
    return found


def seeds_of(op: Op, sample: Sample, args: list[Any]) -> list[Any]:
    made: Any = apply(op, tuple(args), sample.options)
    outputs = made if isinstance(made, tuple) else (made,)
    rng = np.random.default_rng(1)
    return [rng.standard_normal(y.shape).astype(y._array.dtype) for y in outputs]


def same(a: Any, b: Any) -> bool:
    """Tell whether two tensors (or None) hold the same bits."""
    if a is None or b is None:
        return a is b
    a, b = np.ascontiguousarray(a._array), np.ascontiguousarray(b._array)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def check(op: Op, sample: Sample, dtype: str) -> str:
    """Record an op, run the plan on other values; return why it cannot be recorded, if so."""
    args = tensors_of(op, sample, dtype)
    options = {
        key: wrap(value.copy()) if isinstance(value, np.ndarray) else value
        for key, value in sample.options.items()
    }
    tensors = [a for a in args if isinstance(a, TensorBase)]
    seeds = [wrap(seed) for seed in seeds_of(op, sample, args)]
    named = {key: value for key, value in options.items() if isinstance(value, TensorBase)}
    inputs = (*seeds, *named.values())

    def call(*given: Any) -> Any:
        arrays = {k: t._array for k, t in zip(named, given[len(seeds) :], strict=True)}
        made: Any = apply(op, tuple(args), {**options, **arrays})
        outputs = made if isinstance(made, tuple) else (made,)
        total: Any = None
        for output, seed in zip(outputs, given, strict=False):
            if output._requires_grad:
                part = (output * seed).sum()
                total = part if total is None else total + part
        if total is not None:
            total.backward()
        return [output.detach().clone() for output in outputs]  # no views of arguments

    def clear() -> None:
        for tensor in tensors:
            tensor._grad = None

    clear()
    call(*inputs)  # fills caches
    clear()
    try:
        found: Recorded = record(call, inputs, {}, tensors, [])
    except Unplanned as why:
        return str(why)
    if found.plan is None:
        return found.why
    rng = np.random.default_rng(2)
    for _ in range(2):
        for tensor in tensors:
            tensor._array[...] = other(tensor._array, rng)
        for tensor in named.values():
            tensor._array[...] = other(tensor._array, rng)
        clear()
        try:
            expected = call(*inputs)
        except (ValueError, IndexError, RuntimeError):
            return ""  # values in this order are none of the op's
        grads = [tensor._grad for tensor in tensors]
        clear()
        if not found.plan.fits():
            raise AssertionError("the plan does not fit")
        made, results = found.plan(inputs)
        if not made:
            continue
        assert all(map(same, results, expected)), "results"
        assert all(map(same, [t._grad for t in tensors], grads)), "gradients"
    return ""


def checked(name: str, samples: list[tuple[int, Sample]]) -> list[str]:
    """Check samples of an op and return why they cannot be recorded, '' for those that can."""
    whys = []
    with np.errstate(all="ignore"):
        for i, sample in samples:
            try:
                whys.append(check(OPS[name], sample, "float32"))
            except BaseException as error:
                error.add_note(f"sample {i} of {name}")
                raise
    return whys


every_op = pytest.mark.parametrize("name", [name for name in OPS if name in SAMPLES])


@every_op
def test_a_plan_of_an_op_is_the_op(name: str) -> None:
    samples = list(enumerate(SAMPLES[name]))
    whys = checked(name, samples[:: max(len(samples) // 2, 1)])
    if name in WHOLE and (NATIVE or name != "max_pool"):
        assert not any(whys), whys


@pytest.mark.slow
@every_op
def test_a_plan_of_an_op_is_the_op_for_all_samples(name: str) -> None:
    checked(name, list(enumerate(SAMPLES[name])))
