"""Calls with other parameters, stacked states: against torch."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import func, nn

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise, compare  # noqa: E402

W, B, X = normal(2, 3), normal(2), normal(4, 3)


def _net(t: Any) -> Any:
    """Two layers that share their parameters, and one with buffers."""
    t.manual_seed(0)
    first, second = t.nn.Linear(3, 3), t.nn.Linear(3, 3)
    second.weight, second.bias = first.weight, first.bias
    net = t.nn.Sequential(first, second, t.nn.BatchNorm1d(3))
    with t.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(t.tensor(normal(*p.shape, seed=i), dtype=t.float32))
    return net.double()


def test_a_layer_with_other_parameters() -> None:
    def call(t: Any, w: Any, b: Any, x: Any) -> Any:
        layer = t.nn.Linear(3, 2).double()
        return t.func.functional_call(layer, {"weight": w, "bias": b}, x)

    both(call, W, B, X)


def test_several_dicts_keywords_and_no_arguments() -> None:
    def call(t: Any, w: Any, b: Any, x: Any) -> Any:
        layer = t.nn.Linear(3, 2).double()
        return t.func.functional_call(layer, ({"weight": w}, {"bias": b}), None, {"input": x})

    both(call, W, B, X)


@pytest.mark.parametrize("calls", [1, 3])
def test_shared_parameters_and_buffers(calls: int) -> None:
    def call(t: Any, w: Any, x: Any) -> Any:
        net = _net(t)
        given = {"0.weight": w, "2.running_mean": t.zeros(3, dtype=t.float64)}
        before = {k: v.clone() for k, v in net.state_dict().items()}
        for _ in range(calls):
            y = t.func.functional_call(net, given, x)
        after = net.state_dict()
        assert all((before[k] == after[k]).all() for k in before if k != "2.num_batches_tracked"
                   and k != "2.running_var")  # fmt: skip
        return y, given["2.running_mean"]

    both(call, normal(3, 3), X)


def test_without_tying_only_the_named_one_is_replaced() -> None:
    def call(t: Any, w: Any, x: Any) -> Any:
        net = _net(t).eval()
        return t.func.functional_call(net, {"1.weight": w}, x, tie_weights=False)

    both(call, normal(3, 3), X)


def test_the_module_is_what_it_was_even_after_an_error() -> None:
    layer = nn.Linear(3, 2)
    weight = layer.weight
    with pytest.raises(RuntimeError):
        func.functional_call(layer, {"weight": rl.ones(2, 5)}, rl.ones(4, 3))
    assert layer.weight is weight
    func.functional_call(layer, {"extra": rl.ones(1)}, rl.ones(4, 3))
    assert not hasattr(layer, "extra")


ERRORS: list[tuple[Any, str]] = [
    (lambda t, m, x: t.func.functional_call(m, [1], x), "a dict, or a tuple"),
    (lambda t, m, x: t.func.functional_call(m, 1, x), "a dict, or a tuple"),
    (lambda t, m, x: t.func.functional_call(m, ({"0.bias": x}, {"0.bias": x}), x), "several dicts"),
    (
        lambda t, m, x: t.func.functional_call(m, {"0.bias": x, "1.bias": x.clone()}, x),
        "which are shared",
    ),
    (lambda t, m, x: t.func.functional_call(m, {"0.bias": x}, x, strict=True), "missing"),
    (lambda t, m, x: t.func.functional_call(m, {"5.bias": x}, x), "'5.bias'|'5'"),
    (lambda t, m, x: t.func.functional_call(m, {"0.bias": 1.0}, x), "float for '0.bias'"),
    (lambda t, m, x: t.func.functional_call(m, {"training": x}, x), "which is a bool"),
    (lambda t, m, x: t.func.stack_module_state([]), "no models"),
    (
        lambda t, m, x: t.func.stack_module_state([t.nn.Linear(1, 1), t.nn.Linear(1, 1).eval()]),
        "one mode",
    ),
    (lambda t, m, x: t.func.stack_module_state([t.nn.Linear(1, 1), t.nn.ReLU()]), "one class"),
    (
        lambda t, m, x: t.func.stack_module_state(
            [t.nn.Linear(1, 1), t.nn.Linear(1, 1).requires_grad_(False)]
        ),
        "some models only",
    ),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, str]) -> None:
    both_raise(lambda t: call[0](t, _net(t), t.ones(3, dtype=t.float64)), call[1])


def test_stacked_states() -> None:
    def stacked(t: Any) -> Any:
        parameters, buffers = t.func.stack_module_state([_net(t), _net(t)])
        assert all(p.requires_grad and p.is_leaf for p in parameters.values())
        return [list(parameters), list(buffers), *parameters.values(), *buffers.values()]

    compare(
        [v.detach() if hasattr(v, "detach") else tuple(v) for v in stacked(rl)],
        [v.detach() if hasattr(v, "detach") else tuple(v) for v in stacked(torch)],
    )
