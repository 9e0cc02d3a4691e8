"""Optimizers: first steps by hand, groups, errors, state dicts. Needs NumPy only."""

import copy
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ShapeError
from rushlight.optim import (
    ASGD,
    SGD,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Muon,
    NAdam,
    Optimizer,
)


def leaf(values, dtype="float64"):
    return rl.tensor(np.array(values, dtype), requires_grad=True)


def give(p, gradient):
    p.grad = rl.tensor(np.array(gradient, p.dtype))


def run(optimizer, p, *gradients):
    seen = []
    for gradient in gradients:
        give(p, gradient)
        optimizer.step()
        seen.append(p.tolist())
    return np.array(seen)


# ---- first steps, computed by hand


def test_sgd_is_minus_lr_times_gradient():
    p = leaf([1.0, 2.0])
    np.testing.assert_allclose(run(SGD([p], lr=0.5), p, [1.0, -2.0]), [[0.5, 3.0]])


def test_sgd_momentum_takes_the_first_gradient_undamped():
    p = leaf([0.0])
    # b: 1, then 0.5 * 1 + (1 - 0.25) * 1 = 1.25, then 0.5 * 1.25 + 0.75 = 1.375
    got = run(SGD([p], lr=1.0, momentum=0.5, dampening=0.25), p, [1.0], [1.0], [1.0])
    np.testing.assert_allclose(got, [[-1.0], [-2.25], [-3.625]])


def test_sgd_nesterov_looks_ahead():
    p = leaf([0.0])
    # b: 1, 1.5; step: g + 0.5 b = 1.5, 1.75
    got = run(SGD([p], lr=1.0, momentum=0.5, nesterov=True), p, [1.0], [1.0])
    np.testing.assert_allclose(got, [[-1.5], [-3.25]])


def test_sgd_decay_and_maximize():
    p = leaf([2.0])
    # g = -1 + 0.5 * 2 = 0; w stays
    np.testing.assert_allclose(
        run(SGD([p], lr=1.0, weight_decay=0.5, maximize=True), p, [1.0]), [[2.0]]
    )


def test_adam_first_step_is_lr_whatever_the_scale():
    p = leaf([1.0, 1.0])
    got = run(Adam([p], lr=0.1, eps=0.0), p, [1e-6, -1e6])
    np.testing.assert_allclose(got, [[0.9, 1.1]], rtol=1e-12)


def test_adam_second_step():
    p = leaf([0.0])
    optimizer = Adam([p], lr=1.0, betas=(0.5, 0.75), eps=1.0)
    # t=1: m=1, v=1, corrected m'=2, v'=4: -2/(2+1)
    # t=2: m=.5*1+.5*4=2.5, v=.75*1+.25*16=4.75; m'=2.5/.75, v'=4.75/.4375
    got = run(optimizer, p, [2.0], [4.0])
    first = -2.0 / 3.0
    second = first - (2.5 / 0.75) / (np.sqrt(4.75 / 0.4375) + 1.0)
    np.testing.assert_allclose(got, [[first], [second]], rtol=1e-12)
    entry = optimizer.state[p]
    assert (entry["step"].item(), entry["step"].dtype) == (2.0, rl.float32)
    assert (entry["exp_avg"].item(), entry["exp_avg_sq"].item()) == (2.5, 4.75)


def test_adam_decay_of_gradient_and_of_weights():
    p, q = leaf([2.0]), leaf([2.0])
    l2 = run(Adam([p], lr=0.1, eps=0.0, weight_decay=0.5), p, [-1.0])  # g = -1 + 1 = 0: 0/0
    assert np.isnan(l2).all()
    # 2 * (1 - 0.1 * 0.5) + 0.1
    np.testing.assert_allclose(run(AdamW([q], lr=0.1, weight_decay=0.5), q, [-1.0]), [[2.0]])


def test_amsgrad_keeps_the_largest():
    p = leaf([0.0])
    optimizer = Adam([p], lr=1.0, betas=(0.0, 0.0), eps=0.0, amsgrad=True)
    got = run(optimizer, p, [4.0], [1.0])  # m = g, v = g**2, largest 16
    np.testing.assert_allclose(got, [[-1.0], [-1.25]])
    assert optimizer.state[p]["max_exp_avg_sq"].item() == 16.0


# ---- groups, gradients, the step


def test_groups_have_options_of_their_own():
    p, q = leaf([0.0]), leaf([0.0])
    optimizer = SGD([{"params": [p]}, {"params": q, "lr": 0.1}], lr=1.0)
    give(p, [1.0])
    give(q, [1.0])
    optimizer.step()
    assert (p.item(), q.item()) == (-1.0, -0.1)
    r = leaf([0.0])
    optimizer.add_param_group({"params": [r], "lr": 0.5})
    give(r, [1.0])
    optimizer.step()
    assert (r.item(), len(optimizer.param_groups)) == (-0.5, 3)


def test_a_parameter_without_gradient_is_skipped_with_its_state():
    p, q = leaf([0.0]), leaf([0.0])
    optimizer = Adam([p, q], weight_decay=0.1)
    give(p, [1.0])
    optimizer.step()
    assert q not in optimizer.state
    assert q.item() == 0.0
    give(q, [1.0])
    optimizer.step()
    assert (optimizer.state[p]["step"].item(), optimizer.state[q]["step"].item()) == (2.0, 1.0)
    p.grad = None
    before = p.item()
    optimizer.step()
    assert (p.item(), optimizer.state[p]["step"].item()) == (before, 2.0)


def test_sgd_without_momentum_has_no_state():
    p = leaf([0.0])
    optimizer = SGD([p])
    run(optimizer, p, [1.0])
    assert optimizer.state_dict()["state"] == {}


def test_zero_grad():
    p = leaf([1.0, 2.0])
    optimizer = SGD([p])
    give(p, [1.0, 1.0])
    held = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is held
    assert held.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_closure_runs_with_gradients_and_its_loss_is_returned():
    p = leaf([3.0])
    optimizer = SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with rl.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == 0.0


def test_backward_notices_that_a_step_wrote_to_what_it_saved():
    p = leaf([3.0])
    optimizer = SGD([p], lr=0.5)
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_learning_rate_may_be_a_tensor():
    p = leaf([0.0])
    optimizer = SGD([p], lr=rl.tensor(0.5))
    np.testing.assert_allclose(run(optimizer, p, [1.0]), [[-0.5]])
    optimizer.param_groups[0]["lr"].fill_(0.25)
    np.testing.assert_allclose(run(optimizer, p, [1.0]), [[-0.75]])


def test_zero_dim_empty_and_strided_parameters():
    scalar, empty = leaf(1.0), leaf(np.zeros((0, 3)))
    strided = rl.from_numpy(np.arange(6.0).reshape(2, 3).T).requires_grad_()
    optimizer = Adam([scalar, empty, strided], lr=0.1)
    for p in (scalar, empty, strided):
        give(p, np.ones(p.shape))
    optimizer.step()
    assert abs(scalar.item() - 0.9) < 1e-7
    np.testing.assert_allclose(strided.tolist(), np.arange(6.0).reshape(2, 3).T - 0.1)


def test_gradient_of_another_dtype_is_cast():
    params = [leaf([0.0]), leaf([0.0])]
    for p in params:
        give(p, [1.0])
        p.data = p.data.to(rl.float32)
    SGD(params[:1], lr=1.0).step()
    SGD(params, lr=1.0).step()
    assert [(p.item(), p.dtype) for p in params] == [(-2.0, rl.float32), (-1.0, rl.float32)]


@pytest.mark.parametrize(
    ("kind", "options"),
    [(Adam, {"amsgrad": True}), (NAdam, {"lr": 0.1}), (ASGD, {"lr": 0.1, "t0": 1, "lambd": 0.1})],
)
def test_many_blocks_equal_one(monkeypatch, kind, options):
    from rushlight.optim import flat

    rng = np.random.default_rng(0)
    values, gradient = rng.standard_normal((2, 7, 33))
    results = []
    for block in (10, 10**6):
        monkeypatch.setattr(flat, "BLOCK", block)
        p = leaf(values)
        results.append(run(kind([p], **options), p, gradient, -gradient, gradient))
    assert np.array_equal(*results)


# ---- errors


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: SGD([]), ValueError, "got an empty parameter list, expected at least one"),
        (lambda: SGD(leaf([1.0])), TypeError, r"got one Tensor, expected an iterable.*SGD\(\["),
        (lambda: SGD({leaf([1.0])}), TypeError, "got a set, expected parameters in an order"),
        (lambda: SGD(3), TypeError, "got int, expected an iterable"),
        (lambda: SGD([np.ones(2)]), TypeError, "got ndarray as parameter 0, expected a Tensor"),
        (lambda: SGD([leaf([1.0]) * 2]), ValueError, "the result of mul, expected a leaf; make"),
        (lambda: SGD([{"parms": []}]), ValueError, r"\['parms'\], expected the key 'params'"),
        (lambda: SGD([leaf([1.0])], lr=-1.0), ValueError, "got lr=-1.0, expected a number >= 0"),
        (lambda: SGD([leaf([1.0])], lr=float("nan")), ValueError, "got lr=nan"),
        (lambda: SGD([leaf([1.0])], lr=rl.ones(2)), ValueError, "expected one element"),
        (lambda: SGD([leaf([1.0])], momentum=-1), ValueError, "momentum=-1.0"),
        (lambda: SGD([leaf([1.0])], nesterov=True), ValueError, "expected momentum > 0"),
        (lambda: Adam([leaf([1.0])], betas=(0.9, 1.0)), ValueError, r"betas=\(0.9, 1.0\)"),
        (lambda: AdamW([leaf([1.0])], eps=-1), ValueError, "AdamW: got eps=-1.0"),
        (lambda: Adam([leaf([1.0])], capturable=True), NotImplementedError, "capturable=True"),
        (lambda: SGD([leaf([1.0])], differentiable=True), NotImplementedError, "differentiable"),
        (lambda: SGD([leaf([1.0])], foreach=True, fused=True), RuntimeError, "at most one"),
        (lambda: SGD([("a", leaf([1.0])), leaf([1.0])]), ValueError, "all or none of them"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_tensor_is_given_once():
    p, q = leaf([1.0]), leaf([2.0])
    with pytest.raises(ValueError, match="parameter 2, the same tensor as parameter 0"):
        SGD([p, q, p])
    optimizer = SGD([p])
    with pytest.raises(ValueError, match="parameter 1, which is in group 0 too"):
        optimizer.add_param_group({"params": [q, p]})
    assert len(optimizer.param_groups) == 1
    with pytest.raises(TypeError, match="expected a dict"):
        optimizer.add_param_group([q])


def test_shapes_that_do_not_fit():
    p, q = leaf([1.0, 2.0]), leaf([1.0])
    optimizer = Adam([p, q])
    give(p, [1.0, 1.0])
    give(q, [1.0])
    optimizer.step()
    p.data = rl.zeros(3, dtype=rl.float64)
    with pytest.raises(ShapeError, match=r"exp_avg \(2,\) for a parameter \(3,\).*del optimizer"):
        optimizer.step()
    del optimizer.state[p]
    with pytest.raises(ShapeError, match=r"a gradient \(2,\), expected the shape \(3,\)"):
        optimizer.step()
    give(p, [1.0] * 3)
    optimizer.step()


def test_base_class_says_what_to_define():
    p = leaf([1.0])
    give(p, [1.0])
    with pytest.raises(NotImplementedError, match="define init and update, or step"):
        Optimizer([p], {"lr": 1.0}).step()


def test_an_optimizer_in_the_manner_of_torch():
    class Plain(Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["seen"] = self.state[p].get("seen", 0) + 1
                    p.data.add_(p.grad, alpha=-group["lr"])

    p = leaf([1.0])
    optimizer = Plain([p], lr=0.5)
    run(optimizer, p, [1.0], [1.0])
    assert p.item() == 0.0
    saved = optimizer.state_dict()
    optimizer.load_state_dict(saved)
    assert optimizer.state[p] == {"seen": 2}


# ---- state dicts, copies, text


def test_state_dict_structure():
    p, q = leaf([1.0]), leaf([2.0])
    optimizer = Adam([{"params": [("w", p)]}, {"params": [("b", q)], "lr": 0.5}])
    run(optimizer, q, [1.0])
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"]
    assert list(saved["state"]) == [1]
    assert list(saved["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1]]
    assert [g["param_names"] for g in saved["param_groups"]] == [["w"], ["b"]]
    assert saved["param_groups"][1]["betas"] == (0.9, 0.999)


def test_loading_copies_and_casts():
    p, q = leaf([1.0, 2.0]), leaf([1.0, 2.0], "float32")
    first, second = Adam([p]), Adam([q], lr=7.0)
    run(first, p, [1.0, 2.0])
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["lr"] == 1e-3
    entry = second.state[q]
    assert (entry["exp_avg"].dtype, entry["step"].item()) == (rl.float32, 1.0)
    entry["step"].fill_(9.0)
    assert first.state[p]["step"].item() == 1.0
    old = {"state": {0: {"step": 3, "exp_avg": np.ones(2), "exp_avg_sq": [1.0, 1.0]}}}
    second.load_state_dict({**old, "param_groups": [{"params": [0]}]})
    run(second, q, [1.0, 1.0])
    assert second.state[q]["step"].item() == 4.0
    assert second.param_groups[0]["eps"] == 1e-8


def test_loading_checks_before_it_changes():
    p, q = leaf([1.0, 2.0]), leaf([1.0])
    pair, other = Adam([p, q]), Adam([{"params": [q]}, {"params": [p]}])
    with pytest.raises(ValueError, match=r"groups of \[1, 1\] parameters, expected groups of \[2"):
        pair.load_state_dict(other.state_dict())
    swapped = Adam([q, p], lr=5.0)
    for x in (p, q):
        give(x, np.ones(x.shape))
    swapped.step()
    with pytest.raises(ShapeError, match=r"exp_avg \(1,\) for parameter 0, expected \(2,\)"):
        pair.load_state_dict(swapped.state_dict())
    assert (pair.param_groups[0]["lr"], len(pair.state)) == (1e-3, 0)


def test_adamw_stays_decoupled():
    p = leaf([1.0])
    saved = Adam([p], weight_decay=0.1).state_dict()
    optimizer = AdamW([p])
    optimizer.load_state_dict(saved)
    group = optimizer.param_groups[0]
    assert (group["decoupled_weight_decay"], group["weight_decay"]) == (True, 0.1)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles_go_on_alike(duplicate):
    params = [leaf([1.0, 2.0]), leaf([[3.0]]), leaf([4.0] * 5)]
    optimizer = Adam(params, amsgrad=True)

    def advance(optimizer, steps):
        for t in range(steps):
            for i, p in enumerate(optimizer.param_groups[0]["params"]):
                give(p, np.full(p.shape, np.sin(7 * t + i)))
            optimizer.step()

    advance(optimizer, 3)
    assert len(pickle.dumps(params[1])) < 1000  # the parameter, not the buffer it may lie in
    twin = duplicate(optimizer)
    others = twin.param_groups[0]["params"]
    advance(optimizer, 4)
    assert [p.tolist() for p in others] != [p.tolist() for p in params]
    advance(twin, 4)
    assert [p.tolist() for p in others] == [p.tolist() for p in params]


def test_repr():
    p, q = leaf([1.0]), leaf([1.0])
    optimizer = SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1)
    lines = repr(optimizer).split("\n")
    assert lines[:3] == ["SGD (", "Parameter Group 0", "    dampening: 0"]
    assert lines[-1] == ")"
    assert "Parameter Group 1" in lines
    assert "    lr: 0.5" in lines


def test_files_keep_the_state(tmp_path):
    p = leaf([1.0, 2.0])
    optimizer = Adam([p], lr=0.1)
    run(optimizer, p, [1.0, 2.0])
    rl.save(optimizer.state_dict(), tmp_path / "adam.safetensors")
    q = leaf(p.tolist())
    other = Adam([q])
    other.load_state_dict(rl.load(tmp_path / "adam.safetensors"))
    assert np.array_equal(run(optimizer, p, [3.0, -1.0]), run(other, q, [3.0, -1.0]))


# ---- those that torch has not, or that are not elementwise


@pytest.mark.parametrize("options", [{}, {"betas": (0.5, 0.7), "weight_decay": 0.1}])
@pytest.mark.parametrize("maximize", [False, True])
def test_lion_is_its_paper(options, maximize):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((3, 4))
    p, m = leaf(w), np.zeros_like(w)
    optimizer = Lion([p], lr=0.01, maximize=maximize, **options)
    (beta1, beta2), decay = options.get("betas", (0.9, 0.99)), options.get("weight_decay", 0)
    for _ in range(50):
        gradient = rng.standard_normal(w.shape)
        run(optimizer, p, gradient)
        g = -gradient if maximize else gradient
        update = np.sign(beta1 * m + (1 - beta1) * g)
        w = w - 0.01 * (update + decay * w)
        m = beta2 * m + (1 - beta2) * g
        np.testing.assert_allclose(p.detach().numpy(), w, 1e-12, 1e-14)
    np.testing.assert_allclose(optimizer.state[p]["exp_avg"].numpy(), m, 1e-12)


def test_errors_of_lion():
    for options, text in (
        ({"lr": -1.0}, "lr=-1.0"),
        ({"betas": (0.9, 1.0)}, r"betas=\(0.9, 1.0\)"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
    ):
        with pytest.raises(ValueError, match=f"Lion: got {text}"):
            Lion([leaf([1.0])], **options)


def test_muon_makes_steps_whose_singular_values_are_about_1():
    rng = np.random.default_rng(0)
    p = leaf(np.zeros((6, 4)))
    run(Muon([p], lr=1.0, weight_decay=0.0), p, rng.standard_normal((6, 4)))
    values = np.linalg.svd(p.detach().numpy(), compute_uv=False) / (6 / 4) ** 0.5
    assert (values > 0.6).all()
    assert (values < 1.3).all()


def test_muon_of_other_dtypes_and_sizes():
    for dtype in ("float16", "float32"):
        p = leaf(np.eye(3, 2), dtype)
        before = p.tolist()
        run(Muon([p], lr=0.1), p, np.ones((3, 2)))
        assert p.dtype == getattr(rl, dtype)
        assert p.tolist() != before
    empty = leaf(np.zeros((3, 0)))
    run(Muon([empty]), empty, np.zeros((3, 0)))


def test_adafactor_of_an_empty_parameter():
    empty, p = leaf(np.zeros((0, 3))), leaf([1.0, 2.0])
    optimizer = Adafactor([empty, p])
    give(empty, np.zeros((0, 3)))
    run(optimizer, p, [1.0, 1.0])
    assert optimizer.state[empty]["row_var"].shape == (0, 1)
    assert p.tolist() == pytest.approx([1 - 0.01 * 2.5**0.5, 2 - 0.01 * 2.5**0.5])


def test_adafactor_loads_states_of_rows_and_columns():
    p, q = leaf(np.ones((2, 3))), leaf(np.ones((3, 2)))
    optimizer = Adafactor([p])
    run(optimizer, p, np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"row_var \(2, 1\) for parameter 0, expected \(3, 1\)"):
        Adafactor([q]).load_state_dict(optimizer.state_dict())


def test_adagrad_has_its_state_before_the_first_step():
    p, q = leaf([1.0]), leaf([2.0])
    optimizer = Adagrad([p], initial_accumulator_value=0.5)
    assert optimizer.state_dict()["state"][0]["sum"].tolist() == [0.5]
    optimizer.add_param_group({"params": [q]})
    assert q not in optimizer.state
    run(optimizer, q, [1.0])
    assert optimizer.state[q]["sum"].tolist() == [1.5]


def test_numbers_of_a_state_keep_their_dtype():
    for kind, names in ((NAdam, ["mu_product"]), (ASGD, ["eta", "mu"])):
        p, twin = leaf([1.0, 2.0]), leaf([1.0, 2.0])
        optimizer, other = kind([p], lr=0.1), kind([twin], lr=0.1)
        run(optimizer, p, *[[0.1, -0.2]] * 3)
        twin.data = p.data.clone()
        other.load_state_dict(optimizer.state_dict())
        assert all(other.state[twin][name].dtype == rl.float32 for name in names)
        assert np.array_equal(
            run(optimizer, p, *[[1.0, 2.0]] * 5), run(other, twin, *[[1.0, 2.0]] * 5)
        )


def test_adafactor_moves_a_small_parameter_by_eps2_at_least() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (rl, torch):
        p = lib.nn.Parameter(lib.full((2, 3), 1e-6, dtype=lib.float64))
        p.grad = lib.arange(1.0, 7.0, dtype=lib.float64).reshape(2, 3)
        lib.optim.Adafactor([p], lr=0.5, eps=(None, 0.1)).step()
        found.append(p.detach().numpy())
    np.testing.assert_allclose(*found, 1e-12)


def test_adam_adds_epsilon_hat_to_the_uncorrected_root() -> None:
    """w <- w - lr_t m / (sqrt(v) + eps), by the formula of the paper's short form."""
    rng = np.random.default_rng(3)
    start, lr, beta1, beta2, eps = rng.standard_normal(5), 0.05, 0.9, 0.99, 1e-2
    w = rl.tensor(start, dtype="float64", requires_grad=True)
    optimizer = rl.optim.Adam([w], lr, (beta1, beta2), eps, epsilon_hat=True)
    expected, m, v = start.copy(), np.zeros(5), np.zeros(5)
    for t in range(1, 21):
        g = rng.standard_normal(5)
        w.grad = rl.tensor(g, dtype="float64")
        optimizer.step()
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        lr_t = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        expected -= lr_t * m / (v**0.5 + eps)
        np.testing.assert_allclose(w.detach().numpy(), expected, 1e-12)
    again = rl.optim.Adam([w], epsilon_hat=True)
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["epsilon_hat"]
    assert "epsilon_hat" not in rl.optim.Adam([w]).param_groups[0]
