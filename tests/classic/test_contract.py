"""Every module of `rushlight.nn` and its explicit twin agree to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.nn.modules import ModuleSample, collect, cotangents, leaves

import rushlight as rl
from rushlight import classic

SAMPLES = [sample for sample in collect() if sample.inputs is not None]
NAMES = [f"{type(sample.make()).__name__}-{i}" for i, sample in enumerate(SAMPLES)]

every = pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


class _Fixed(rl.nn.Module):
    """A module some of whose arguments get no gradient."""

    def __init__(self, module: Any, places: tuple[int, ...]) -> None:
        super().__init__()
        self.module, self.places = module, places

    def forward(self, *args: Any) -> Any:
        given = [x.detach() if i in self.places else x for i, x in enumerate(args)]
        return self.module(*given)


def _made(sample: ModuleSample, training: bool) -> Any:
    rl.manual_seed(0)
    module = sample.make()
    if sample.fixed:
        module = _Fixed(module, sample.fixed)
    return module.double().train(training)


def _equal(ours: Any, theirs: Any, what: str) -> None:
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, what
    np.testing.assert_array_equal(ours, theirs, what)


def _with_gradients(output: Any, grads: list[Any]) -> Any:
    """Return the cotangents in the structure of an output; None for integers."""
    if isinstance(output, dict):
        return {key: _with_gradients(part, grads) for key, part in output.items()}
    if isinstance(output, (tuple, list)):
        return tuple(_with_gradients(part, grads) for part in output)
    if output is None:
        return None
    grad = grads.pop(0)
    return grad if output.dtype.kind == "f" else None


def _twice(sample: ModuleSample, training: bool) -> tuple[list[Any], ...]:
    """Return what autograd gives: outputs, gradients by inputs, by parameters after one backward
    and after two, and the buffers."""
    module = _made(sample, training)
    inputs = [rl.tensor(x) if isinstance(x, np.ndarray) else x for x in sample.inputs or ()]
    for x in inputs:
        if isinstance(x, rl.Tensor) and x.is_floating_point():
            x.requires_grad_()
    rl.manual_seed(1)
    outputs = leaves(module(*inputs))
    pairs = [
        (out, rl.tensor(g))
        for out, g in zip(outputs, cotangents(outputs), strict=True)
        if out.requires_grad
    ]
    rounds = []
    for _ in range(2):
        if pairs:
            rl.autograd.backward(*zip(*pairs, strict=True), retain_graph=True)
        rounds.append((_grads(inputs), _grads(module.parameters())))
    (by_input, once), (_, twice) = rounds
    arrays = [out.detach().numpy() for out in outputs]
    return arrays, by_input, once, twice, [b.numpy() for b in module.buffers()]


def _grads(tensors: Any) -> list[Any]:
    grads = [getattr(tensor, "grad", None) for tensor in tensors]
    return [None if grad is None else grad.numpy().copy() for grad in grads]


@every
@modes
def test_explicit_twin_equals_autograd(sample: ModuleSample, training: bool) -> None:
    outputs, by_input, once, twice, buffers = _twice(sample, training)
    layer = classic.wrap(_made(sample, training), criterion=False)
    inputs = sample.inputs or ()
    rl.manual_seed(1)
    result = layer.forward(inputs)
    for i, (out, right) in enumerate(zip(leaves(result), outputs, strict=True)):
        _equal(out, right, f"output {i}")

    def check_inputs(found: Any) -> None:
        assert isinstance(found, tuple) and len(found) == len(inputs)
        for i, (x, g, right) in enumerate(zip(inputs, found, by_input, strict=True)):
            if isinstance(x, np.ndarray) and x.dtype.kind == "f":
                _equal(g, np.zeros_like(x) if right is None else right, f"gradient of input {i}")
            else:  # integers, also in tuples of them
                assert g is None or set(g) == {None}

    def check_parameters(expected: list[Any]) -> None:
        arrays = zip(layer.getParameters(), layer.getGradParameters(), expected, strict=True)
        for i, (p, g, right) in enumerate(arrays):
            _equal(g, np.zeros_like(p) if right is None else right, f"gradient of parameter {i}")

    held = layer.getGradParameters()
    gradOutput = _with_gradients(result, cotangents(leaves(result)))
    check_inputs(layer.backward(inputs, gradOutput))
    check_parameters(once)
    layer.accGradParameters(inputs, gradOutput)
    check_parameters(twice)
    layer.zeroGradParameters()
    assert not any(g.any() for g in held)
    check_inputs(layer.updateGradInput(inputs, gradOutput))
    assert not any(g.any() for g in held)  # the gradient by the input alone
    layer.accGradParameters(inputs, gradOutput)
    check_parameters(once)
    assert all(a is b for a, b in zip(held, layer.getGradParameters(), strict=True))
    for b, right in zip(layer.module.buffers(), buffers, strict=True):
        _equal(b.numpy(), right, "buffer")
