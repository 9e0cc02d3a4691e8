"""A second opinion: what torch, where it is installed, says of the values that are expected."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.check import compare
from rushlight.check.family import Evidence, Scene
from rushlight.errors import explain

__all__ = ["need_torch", "opinion"]


def need_torch() -> None:
    """Raise where torch is not installed.

    Raises:
        ImportError: with what to do.
    """
    if importlib.util.find_spec("torch") is None:
        raise ImportError(
            explain(
                "check: second opinion",
                got="no torch",
                expected="torch, to compare the expected values with",
                fix="install it, or leave second_opinion (--second-opinion) out",
            )
        )


def opinion(evidence: Evidence) -> dict[str, str]:
    """Return whether torch agrees with what a comparison expects.

    Returns:
        {"torch": "agrees"} or {"torch": "differs"}; {} where torch has no such layer or the
        comparison is not of an output or a gradient.
    """
    scene = evidence.scene
    if scene is None or evidence.want is None or scene.family.examine or scene.family.random:
        return {}
    reference = scene.reference()
    module = getattr(reference, "module", None)
    twin = _twin(module) if isinstance(module, nn.Module) else None
    if twin is None:
        return {}
    said = _run(twin, reference, scene).get(evidence.tensor)
    if said is None:
        return {}
    return {"torch": "agrees" if compare.close(said, evidence.want) else "differs"}


def _twin(module: nn.Module) -> Any:
    """Return torch's module of the same class, options and parameters; None if it has none."""
    import torch

    names = [
        base.__name__ for base in type(module).__mro__ if base.__module__.startswith(nn.__name__)
    ]
    name = names[0] if names else ""
    if name == "Module" or not hasattr(torch.nn, name):
        return None
    cls = getattr(torch.nn, name)
    known = {n: getattr(module, n) for n in inspect.signature(cls).parameters if hasattr(module, n)}
    if "bias" in known:
        known["bias"] = known["bias"] is not None
    if known.get("threshold") == np.inf:  # of Softplus; torch's would overflow
        del known["threshold"]
    twin = cls(**known).double()
    with torch.no_grad():
        for key, value in module.state_dict().items():
            twin.state_dict()[key].copy_(torch.from_numpy(np.array(value.numpy())))
    return twin.train(module.training)


def _run(twin: Any, reference: Any, scene: Scene) -> dict[str, Any]:
    """Return what torch's module makes of a scene, by the names of the reference's tensors."""
    import torch

    x = torch.from_numpy(np.array(scene.x)).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what padding costs
        output = twin(x)
    said = {"output": output.detach().numpy()}
    if tuple(output.shape) != scene.g.shape:
        return said
    output.backward(torch.from_numpy(np.array(scene.g)))
    assert x.grad is not None
    said["gradInput"] = x.grad.numpy()
    theirs = dict(twin.named_parameters())
    ours = {name: p.detach().numpy() for name, p in reference.module.named_parameters()}
    for known in scene.family.fields:
        array = getattr(reference, known.name, None)
        for name, own in ours.items() if known.gradient and array is not None else ():
            if np.may_share_memory(array, own):
                base = scene.base.get(known.gradient, 0.0)
                said[known.gradient] = theirs[name].grad.numpy() + base
    return said
