"""Flat buffers cannot be told from stepping every array by itself, whatever is done."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import optim
from rushlight.optim import SGD, Adam, AdamW

SHAPES = [(3, 4), (4,), (), (2, 3), (5,), (1,)]
KINDS = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    (Adam, {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1}),
    (AdamW, {"lr": 0.1}),
    (optim.RMSprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    (optim.Rprop, {"lr": 0.1, "maximize": True}),
    (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.1}),
    (optim.Adadelta, {"eps": 1e-3, "weight_decay": 0.1}),
    (optim.Adamax, {"lr": 0.1, "maximize": True}),
    (optim.NAdam, {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1}),
    (optim.RAdam, {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0.1}),
    (optim.ASGD, {"lr": 0.1, "lambd": 0.1, "t0": 2, "weight_decay": 0.1}),
    (optim.Lion, {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    (optim.Adafactor, {"lr": 0.1, "weight_decay": 0.1}),
]


def leaf(shape, dtype="float64", seed=0):
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return rl.tensor(values, requires_grad=True)


def leaves(dtype="float64", shapes=SHAPES):
    return [leaf(shape, dtype, i) for i, shape in enumerate(shapes)]


def give(params, seed, skip=()):
    rng = np.random.default_rng(seed)
    for i, p in enumerate(params):
        gradient = rng.standard_normal(p.shape).astype(p.dtype)
        p.grad = None if i in skip else rl.tensor(gradient)


def sizes(optimizer):
    """How many parameters each run of the optimizer has."""
    return [[len(run.params) for run in layout.runs] for layout in optimizer._layouts]


class Side:
    """The same history on one optimizer, flat or not."""

    def __init__(self, flat, kind, options, dtype):
        self.flat, self.dtype = flat, dtype
        self.kind, self.options = kind, options
        self.params = leaves(dtype)
        self.optimizer = kind(self.params[:4], **options)
        self.optimizer._flat = flat
        self.held = []

    def listed(self):
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def do(self, name, value, seed):
        params = self.listed()
        p = params[value % len(params)]
        if name == "step":
            give(params, seed)
            self.optimizer.step()
        elif name == "partial":
            give(params, seed, skip=[i for i in range(len(params)) if value >> i & 1])
            self.optimizer.step()
        elif name == "rebind":
            p.data = rl.tensor(np.random.default_rng(seed).standard_normal(p.shape), dtype=p.dtype)
        elif name == "strided":
            fresh = np.random.default_rng(seed).standard_normal((*p.shape, 2)).astype(p.dtype)
            p.data = rl.from_numpy(fresh[..., 0])
        elif name == "write":
            p.detach().numpy()[...] = value
        elif name == "hold":
            tensors = [p, *self.optimizer.state.get(p, {}).values()]
            array = tensors[value % len(tensors)].detach().numpy()
            self.held.append(array if value < 8 else array.reshape(-1)[:2])
        elif name == "release":
            self.held.clear()
        elif name == "group" and len(self.optimizer.param_groups) == 1:
            self.optimizer.add_param_group({"params": self.params[4:], "lr": 0.5})
        elif name == "round trip":
            saved = copy.deepcopy(self.optimizer.state_dict())
            self.optimizer.load_state_dict(saved)
        elif name == "anew":
            saved = self.optimizer.state_dict()
            groups = [{"params": g["params"]} for g in self.optimizer.param_groups]
            self.optimizer = self.kind(groups, **self.options)
            self.optimizer._flat = self.flat
            self.optimizer.load_state_dict(saved)
        elif name == "copy":
            if value % 2:
                self.optimizer = copy.deepcopy(self.optimizer)
            else:
                self.optimizer = pickle.loads(pickle.dumps(self.optimizer))
            self.optimizer._flat = self.flat
            self.held.clear()
        elif name == "forget":
            self.optimizer.state.pop(p, None)
        elif name == "count" and "step" in self.optimizer.state.get(p, ()):
            self.optimizer.state[p]["step"].fill_(value + 1)
        elif name == "replace" and self.optimizer.state.get(p):
            entry = self.optimizer.state[p]
            key = sorted(entry)[value % len(entry)]
            if value < 8 and key != "step":
                dtype = rl.float32 if key in self.kind.numbers else p.dtype
                entry[key] = rl.full(entry[key].shape, 0.5, dtype=dtype)
            else:
                entry[key].data = entry[key].data.clone() + 1
        elif name == "amsgrad" and issubclass(self.kind, Adam):
            self.optimizer.param_groups[0]["amsgrad"] ^= True

    def see(self):
        state = self.optimizer.state
        seen = [p.detach().numpy().copy() for p in self.listed()]
        seen += [array.copy() for array in self.held]
        for p in self.listed():
            seen += [entry.numpy().copy() for _, entry in sorted(state.get(p, {}).items())]
        return seen


ACTIONS = st.tuples(
    st.sampled_from(
        [
            *("step", "step", "step", "step", "partial", "partial", "rebind", "strided", "write"),
            *("hold", "release", "group", "anew", "copy", "forget", "count", "replace"),
            *("amsgrad", "round trip"),
        ]
    ),
    st.integers(0, 15),
)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(KINDS), st.sampled_from(["float32", "float64"]), st.lists(ACTIONS, max_size=14)
)
def test_any_history_gives_the_same_bits(kind, dtype, history):
    flat, plain = (Side(on, *kind, dtype) for on in (True, False))
    for seed, (name, value) in enumerate([*history, ("step", 0)]):
        for side in (flat, plain):
            side.do(name, value, seed)
        for a, b in zip(flat.see(), plain.see(), strict=True):
            assert a.tobytes() == b.tobytes(), (seed, name)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_every_kind_gives_the_same_bits(kind, options):
    flat, plain = (Side(on, kind, options, "float32") for on in (True, False))
    for seed in range(12):
        for side in (flat, plain):
            side.do("step" if seed % 3 else "partial", seed, seed)
    for a, b in zip(flat.see(), plain.see(), strict=True):
        assert a.tobytes() == b.tobytes()
    fresh = Side(True, kind, options, "float32")
    fresh.do("step", 0, 0)
    assert sizes(fresh.optimizer) == ([[4]] if kind.elementwise else [[1, 1, 1, 1]])


def test_buffers_are_used_at_all():
    params = leaves()
    optimizer = Adam(params)
    give(params, 0)
    optimizer.step()
    assert sizes(optimizer) == [[6]]
    base = params[0].detach().numpy().base
    assert all(p.detach().numpy().base is base for p in params)
    optimizer.step()
    assert sizes(optimizer) == [[6]]


def test_and_still_after_loading_a_state():
    params = leaves()
    optimizer = Adam(params)
    for seed in range(3):
        give(params, seed)
        optimizer.step()
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    give(params, 4)
    optimizer.step()
    assert sizes(optimizer) == [[6]]


@pytest.mark.parametrize(
    "hold",
    [
        lambda p: p.detach().numpy(),
        lambda p: p.detach(),
        lambda p: p.data,
        lambda p: p.detach().numpy()[..., :1],
        lambda p: memoryview(p.detach().numpy()),
        lambda p: (p * p).sum(),  # a graph that saved it
        lambda p: p.view(-1),
    ],
)
def test_what_somebody_holds_stays_where_it_is(hold):
    params = leaves(shapes=[(3, 4), (4,), (5,)])
    held = hold(params[0])
    where = params[0].detach().numpy().__array_interface__["data"]
    optimizer = SGD(params, lr=0.1)
    give(params, 0)
    optimizer.step()
    assert params[0].detach().numpy().__array_interface__["data"] == where
    assert sorted(sizes(optimizer)[0]) == [1, 2]
    assert held is not None


def test_what_was_held_for_a_while_is_moved_later():
    params = leaves()
    held = [p.detach() for p in params[:3]]
    optimizer = SGD(params, lr=0.1, momentum=0.9)
    for seed in range(3):
        give(params, seed)
        optimizer.step()
    assert sizes(optimizer) == [[1, 1, 1, 3]]
    del held
    give(params, 3)
    optimizer.step()  # the fourth
    assert sizes(optimizer) == [[3, 3]]


def test_arrays_shared_before_and_after_keep_sharing():
    memory = np.ones(4)
    shared, other = rl.from_numpy(memory).requires_grad_(), leaf((3,))
    tied = rl.from_numpy(memory).requires_grad_()
    optimizer = SGD([shared, other, leaf((2,))], lr=1.0)
    give([shared, other], 0)
    optimizer.step()
    np.testing.assert_array_equal(memory, shared.detach().numpy())
    np.testing.assert_array_equal(memory, tied.detach().numpy())
    assert not np.array_equal(memory, np.ones(4))
    view = other.detach().numpy()  # taken when it may already lie in a buffer
    for seed in range(5):
        give([shared, other], seed)
        optimizer.step()
        np.testing.assert_array_equal(view, other.detach().numpy())
        np.testing.assert_array_equal(memory, shared.detach().numpy())


def test_state_that_is_held_stays_the_state():
    params = leaves()
    optimizer = SGD(params, lr=0.1, momentum=0.9)
    give(params, 0)
    optimizer.step()
    held = [optimizer.state[p]["momentum_buffer"] for p in params]
    arrays = [tensor.numpy() for tensor in held]
    saved = optimizer.state_dict()
    for seed in range(5):
        give(params, seed, skip=(seed,))
        optimizer.step()
    for i, p in enumerate(params):
        assert optimizer.state[p]["momentum_buffer"] is held[i]
        assert saved["state"][i]["momentum_buffer"] is held[i]
        np.testing.assert_array_equal(arrays[i], held[i].numpy())


def test_a_frozen_parameter_leaves_the_others_together():
    params = leaves()
    optimizer = Adam(params)
    give(params, 0)
    optimizer.step()
    for seed in range(3):
        give(params, seed, skip=(2,))
        optimizer.step()
    assert sizes(optimizer) == [[2, 1, 3]]
    give(params, 9)
    optimizer.step()
    counts = [optimizer.state[p]["step"].item() for p in params]
    assert counts == [5.0, 5.0, 2.0, 5.0, 5.0, 5.0]


def test_replacing_the_data_in_every_step_is_followed():
    params = leaves()
    optimizer = Adam(params, lr=0.1)
    for seed in range(30):
        for p in params:
            p.data = p.data.clamp(-0.5, 0.5)
        give(params, seed)
        optimizer.step()
    twins = leaves()
    plain = Adam(twins, lr=0.1)
    plain._flat = False
    for seed in range(30):
        for p in twins:
            p.data = p.data.clamp(-0.5, 0.5)
        give(twins, seed)
        plain.step()
    for p, q in zip(params, twins, strict=True):
        assert np.array_equal(p.detach().numpy(), q.detach().numpy())


def test_two_optimizers_over_the_same_parameters():
    results = []
    for flat in (True, False):
        params = leaves()
        first, second = SGD(params, lr=0.1, momentum=0.9), Adam(params[1:])
        first._flat = second._flat = flat
        for seed in range(6):
            give(params, seed)
            first.step()
            second.step()
        results.append([p.tolist() for p in params])
    assert results[0] == results[1]


def test_one_state_given_to_two_parameters():
    results = []
    for flat in (True, False):
        params = [leaf((3,), seed=i) for i in range(3)]
        optimizer = SGD(params, lr=0.1, momentum=0.9)
        optimizer._flat = flat
        shared = {"momentum_buffer": rl.zeros(3, dtype=rl.float64)}
        optimizer.state.update({params[0]: dict(shared), params[1]: dict(shared)})
        for seed in range(3):
            give(params, seed)
            optimizer.step()
        results.append([p.tolist() for p in params])
    assert results[0] == results[1]


def test_dtypes_and_large_parameters_mix():
    shapes = [(3,), (200, 150), (4, 4), (7,)]
    results = []
    for flat in (True, False):
        params = [leaf(s, d, i) for i, s in enumerate(shapes) for d in ("float32", "float64")]
        optimizer = AdamW(params, lr=0.1)
        optimizer._flat = flat
        for seed in range(4):
            give(params, seed)
            optimizer.step()
        results.append([p.detach().numpy().tobytes() for p in params])
        if flat:
            assert sorted(sizes(optimizer)[0]) == [1, 1, 3, 3]
    assert results[0] == results[1]


def test_a_pickled_or_copied_parameter_is_by_itself():
    params = leaves(shapes=[(2,), (3,)] * 20)
    optimizer = SGD(params, lr=0.1)
    give(params, 0)
    optimizer.step()
    twin = copy.deepcopy(params[0])
    restored = pickle.loads(pickle.dumps(params[0], protocol=5))
    give(params, 1)
    optimizer.step()
    assert twin.tolist() == restored.tolist() != params[0].tolist()
    assert twin.detach().numpy().flags.owndata
