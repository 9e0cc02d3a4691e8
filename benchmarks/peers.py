"""The libraries, and modes of libraries, that Rushlight is measured beside.

`PEERS` says how each is started; `prepare` makes the function whose calls are timed.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from workloads import RECURRENT, Workload, build, net

__all__ = ["PEERS", "default_peers", "prepare"]


class Peer(NamedTuple):
    """needs: packages; does: what it can be timed at; env: environment of its process; asked:
    whether it takes part only where it is asked for; lacks: the workloads that it has no model of.
    """

    needs: tuple[str, ...]
    does: tuple[str, ...] = ("step", "batch", "one")
    env: dict[str, str] = {}  # noqa: RUF012
    asked: bool = False
    lacks: tuple[str, ...] = ()


INFERENCE = ("batch", "one")
PEERS = {
    "rushlight": Peer(("rushlight._native",), env={"RUSHLIGHT_KERNELS": "native"}),
    "rushlight-compiled": Peer(("rushlight._native",), env={"RUSHLIGHT_KERNELS": "native"}),
    "rushlight-frozen": Peer(
        ("rushlight._native",), INFERENCE, env={"RUSHLIGHT_KERNELS": "native"}
    ),
    "rushlight-numpy": Peer(("rushlight",), env={"RUSHLIGHT_KERNELS": "numpy"}),
    "rushlight-numpy-compiled": Peer(("rushlight",), env={"RUSHLIGHT_KERNELS": "numpy"}),
    "torch": Peer(("torch",)),
    "torch-channels-last": Peer(("torch",)),
    "torch-fused": Peer(("torch",), ("step",)),
    "torchscript": Peer(("torch",), INFERENCE),
    "onnxruntime": Peer(("torch", "onnx", "onnxruntime"), INFERENCE),
    "jax": Peer(("jax",), lacks=RECURRENT),
    "torch-compile": Peer(("torch",), asked=True),  # half a minute for each net
}


def _found(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def default_peers() -> list[str]:
    """Return those that are installed and need not be asked for."""
    return [name for name, p in PEERS.items() if not p.asked and all(map(_found, p.needs))]


def prepare(peer: str, workload: str, what: str, threads: int, cache: dict[Any, Any]) -> Any:
    """Return a function without arguments: one training step or one inference."""
    key = (workload, what) if PEERS[peer].does == INFERENCE else workload
    if key not in cache:
        cache[key] = _make(peer, workload, what, threads)
    made = cache[key]
    if not isinstance(made, Workload):
        return made[what] if isinstance(made, dict) else made
    if what == "step":
        made.model.train()
        return made.step
    made.model.eval()
    x = made.batch if what == "batch" else made.one
    return lambda: made.infer(x)


def _make(peer: str, workload: str, what: str, threads: int) -> Any:
    if peer.startswith("rushlight"):
        rushlight = importlib.import_module("rushlight")
        whole = {"compiled": rushlight.compile, "frozen": partial(rushlight.compile, frozen=True)}
        return build(workload, rushlight, compile=whole.get(peer.rpartition("-")[2]))
    if peer == "jax":
        return jax_net(workload, threads)
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    if peer == "torch-compile":
        return build(workload, torch, wrap=torch.compile)
    if peer == "torch-fused":
        return build(workload, torch, fused=True)
    made = build(workload, torch, channels_last=peer == "torch-channels-last")
    if peer == "torchscript":
        return _frozen(torch, made, what)
    if peer == "onnxruntime":
        return _exported(torch, made, what, threads)
    return made


def _frozen(torch: Any, made: Workload, what: str) -> Callable[[], Any]:
    x = made.batch if what == "batch" else made.one
    with torch.no_grad():
        script = torch.jit.freeze(torch.jit.trace(made.model.eval(), x))
        script = torch.jit.optimize_for_inference(script)

    def infer() -> Any:
        with torch.no_grad():
            return script(x)

    return infer


def _exported(torch: Any, made: Workload, what: str, threads: int) -> Callable[[], Any]:
    runtime = importlib.import_module("onnxruntime")
    x = made.batch if what == "batch" else made.one
    file = io.BytesIO()
    torch.backends.mha.set_fastpath_enabled(False)  # ONNX has no such op
    torch.onnx.export(made.model.eval(), (x,), file, input_names=["x"], dynamo=False)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    return lambda: session.run(None, feed)


def jax_net(workload: str, threads: int) -> dict[str, Callable[[], Any]]:
    """The same net and step written with jax.numpy, compiled by jax.jit, waited for."""
    if hasattr(os, "sched_setaffinity"):  # jax has no setting that holds for all of its threads
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import jax
    import jax.numpy as jnp
    import numpy as np

    rushlight = importlib.import_module("rushlight")
    make, size, shape, kind = net(workload)
    rng = np.random.default_rng(0)
    layers = list(make(rushlight.nn))
    # (parameters that are learnt, running statistics) of each layer
    learnt = [{n: jnp.asarray(p.detach().numpy()) for n, p in m.named_parameters()} for m in layers]
    kept = [
        {n: jnp.asarray(b.numpy()) for n, b in m.named_buffers() if n.startswith("running")}
        for m in layers
    ]
    x = jnp.asarray(rng.random((size, *shape), np.float32))

    def dropped(h: Any, share: float, key: Any) -> Any:
        if key is None:
            return h
        return jnp.where(jax.random.bernoulli(key, 1 - share, h.shape), h / (1 - share), 0)

    def norm_rows(h: Any, p: Any, name: str) -> Any:
        h = h - h.mean(-1, keepdims=True)
        h = h * jax.lax.rsqrt((h * h).mean(-1, keepdims=True) + 1e-5)
        return h * p[f"{name}.weight"] + p[f"{name}.bias"]

    def encode(h: Any, p: Any, m: Any, key: Any) -> Any:
        """A TransformerEncoderLayer, the batch first, norms behind, with ReLU."""
        keys = [None] * 4 if key is None else jax.random.split(key, 4)
        heads, share = m.self_attn.num_heads, m.dropout.p

        def linear(h: Any, name: str) -> Any:
            return h @ p[f"{name}weight"].T + p[f"{name}bias"]

        apart = linear(h, "self_attn.in_proj_").reshape(*h.shape[:2], 3, heads, -1)
        q, k, v = jnp.moveaxis(apart, (2, 3), (0, 2))  # (N, H, L, E)
        scores = q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5
        seen = dropped(jax.nn.softmax(scores), share, keys[0]) @ v
        y = linear(seen.swapaxes(1, 2).reshape(h.shape), "self_attn.out_proj.")
        h = norm_rows(h + dropped(y, share, keys[1]), p, "norm1")
        y = dropped(jnp.maximum(linear(h, "linear1."), 0), share, keys[2])
        return norm_rows(h + dropped(linear(y, "linear2."), share, keys[3]), p, "norm2")

    def normalize(h: Any, p: Any, k: Any, train: bool) -> tuple[Any, Any]:
        axes = (0, *range(2, h.ndim))
        spread = (1, -1) + (1,) * (h.ndim - 2)
        mean, var = (h.mean(axes), h.var(axes)) if train else (k["running_mean"], k["running_var"])
        if train:
            n = h.size // h.shape[1]
            k = {
                "running_mean": 0.9 * k["running_mean"] + 0.1 * mean,
                "running_var": 0.9 * k["running_var"] + 0.1 * var * n / (n - 1),
            }
        scale = jax.lax.rsqrt(var + 1e-5) * p["weight"]
        return (h - mean.reshape(spread)) * scale.reshape(spread) + p["bias"].reshape(spread), k

    def apply(learnt: Any, kept: Any, h: Any, key: Any, train: bool) -> tuple[Any, Any]:
        after = []
        for i, (m, p, k) in enumerate(zip(layers, learnt, kept, strict=True)):
            name = type(m).__name__
            if name == "Linear":
                h = h @ p["weight"].T + p["bias"]
            elif name == "Conv2d":
                pads = [(s, s) for s in m.padding]
                h = jax.lax.conv_general_dilated(h, p["weight"], m.stride, pads)
                h = h + p["bias"].reshape(1, -1, 1, 1)
            elif name.startswith("BatchNorm"):
                h, k = normalize(h, p, k, train)
            elif name == "ReLU":
                h = jnp.maximum(h, 0)
            elif name == "Sigmoid":
                h = jax.nn.sigmoid(h)
            elif name == "MaxPool2d":
                window = (1, 1, 2, 2)
                h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, window, window, "VALID")
            elif name == "Flatten":
                h = h.reshape(h.shape[0], -1)
            elif name == "Dropout":
                h = dropped(h, m.p, jax.random.fold_in(key, i) if train else None)
            elif name == "TransformerEncoderLayer":
                h = encode(h, p, m, jax.random.fold_in(key, i) if train else None)
            else:
                raise NotImplementedError(name)
            after.append(k)
        return h, after

    if kind == "class":
        target = jnp.asarray(rng.integers(0, 10, size))
    elif kind == "input":
        target = x.reshape(size, -1)
    elif kind == "zero":
        target = jnp.zeros(apply(learnt, kept, x, None, False)[0].shape)
    else:
        target = jnp.asarray(rng.random((size, 2), np.float32))

    def loss_of(learnt: Any, kept: Any, key: Any) -> tuple[Any, Any]:
        y, after = apply(learnt, kept, x, key, True)
        if kind == "class":
            return -jax.nn.log_softmax(y)[jnp.arange(size), target].mean(), after
        return ((y - target) ** 2).mean(), after

    def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v

    @jax.jit
    def train(state: Any) -> tuple[Any, Any]:
        learnt, kept, m, v, t, key = state
        key, now = jax.random.split(key)
        (loss, kept), grads = jax.value_and_grad(loss_of, has_aux=True)(learnt, kept, now)
        leaves, tree = jax.tree.flatten(learnt)
        parts = [jax.tree.leaves(a) for a in (grads, m, v)]
        new = [adam(*each, t) for each in zip(leaves, *parts, strict=True)]
        learnt, m, v = (jax.tree.unflatten(tree, list(a)) for a in zip(*new, strict=True))
        return (learnt, kept, m, v, t + 1, key), loss

    zeros = jax.tree.map(jnp.zeros_like, learnt)
    state = [(learnt, kept, zeros, zeros, 1.0, jax.random.key(0))]
    infer = jax.jit(lambda h: apply(learnt, kept, h, None, False)[0])
    one = x[:1]

    def step() -> float:
        state[0], loss = train(state[0])
        return float(loss)

    return {
        "step": step,
        "batch": lambda: infer(x).block_until_ready(),
        "one": lambda: infer(one).block_until_ready(),
    }
