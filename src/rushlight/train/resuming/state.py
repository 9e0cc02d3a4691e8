"""Resuming: what a checkpoint holds, whether it fits a Trainer, and how it is put back."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight import nn
from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.tensor import Tensor, from_numpy
from rushlight.train.callbacks import Callback, Checkpoint
from rushlight.train.resuming.generations import read
from rushlight.train.resuming.place import Place
from rushlight.train.resuming.source import place_of, put_place

if TYPE_CHECKING:
    from rushlight.train.prepare import Data
    from rushlight.train.trainer import Trainer

__all__ = [
    "check",
    "describe",
    "gather",
    "look_up",
    "of_optimizer",
    "of_run",
    "restore",
]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def look_up(given: Any, keepers: list[Checkpoint]) -> tuple[pathlib.Path, dict[str, Any]] | None:
    """Return the checkpoint that `fit(resume=given)` means, None where training starts afresh."""
    if given is False or given is None:
        return None
    if given is True or given == "auto":
        if not keepers:
            raise ValueError(
                explain(
                    "fit resume",
                    got=f"{given!r} and a Trainer that writes no checkpoints",
                    expected="the folder of a run",
                    fix="give the Trainer out=FOLDER or a Checkpoint, or resume=PATH",
                )
            )
        where: Any = keepers[0].folder
    elif isinstance(given, str | os.PathLike):
        where = given
    else:
        expected = "False, True, 'auto' or the path of a checkpoint or run"
        raise TypeError(explain("fit resume", got=repr(given), expected=expected))
    found = read(where)
    if found is None and given != "auto":
        raise FileNotFoundError(
            explain(
                "fit resume",
                got=f"no checkpoint in {os.fspath(where)!r}",
                expected="one that a Checkpoint wrote",
                fix="resume='auto' starts afresh where there is none",
            )
        )
    return found


# ---- what a run is: plain values that must be the same when it is resumed


def describe(value: Any) -> Any:
    """Return plain values that say what an object is, the same ones in another process."""
    if isinstance(value, dict):
        return {str(name): describe(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [describe(part) for part in value]
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and value.numel() == 1):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, nn.Module):
        return _ADDRESS.sub("", repr(value)).splitlines()
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    return type(value).__qualname__


def of_optimizer(optimizer: Any) -> dict[str, Any]:
    """Return kind and options of an optimizer."""
    groups = [
        {k: describe(v) for k, v in group.items() if k not in ("params", "param_names")}
        | {"parameters": len(group["params"])}
        for group in optimizer.param_groups
    ]
    return {"kind": type(optimizer).__qualname__, "groups": groups}


def of_model(model: Any) -> dict[str, Any]:
    """Return the modules of a model and the shape and dtype of all that it holds."""
    parts = {
        name: f"{value.dtype} {tuple(value.shape)}"
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor)
    }
    return {"modules": describe(model), "state": parts}


def of_run(trainer: Trainer, data: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same in a run that is resumed."""
    options = ("seed", "validate_every", "restore_best")
    made = {name: getattr(trainer, name) for name in options}
    held = {
        name: getattr(callback, "text", "there")
        for name, callback in keyed(trainer.listeners).items()
        if type(callback).state_dict is not Callback.state_dict
        and not isinstance(callback, Checkpoint)  # one may be added, and left out
    }
    return {
        "model": of_model(trainer.model),
        **trainer._made,
        **made,
        "monitor": trainer.monitored,
        "callbacks": held,
        **data,
    }


def check(path: pathlib.Path, state: dict[str, Any], now: dict[str, Any], epochs: int) -> None:
    """Refuse to resume another run, and say what is different about it."""
    done = state["place"]["epoch"] - 1
    if epochs < done:
        raise ValueError(
            explain(
                f"fit: resume from {str(path)!r}",
                got=f"epochs={epochs}",
                expected=f"{done} or more in all, for so many are done",
            )
        )
    found = list(_differences("", state["made"], now))
    if not found:
        return
    shown = found[:12] + [f"and {len(found) - 12} more"] * (len(found) > 12)
    raise ValueError(
        explain(
            f"fit: resume from {str(path)!r}",
            got="another run than that of the checkpoint: " + "; ".join(shown),
            expected="the same model, data and arguments (epochs may be raised)",
            fix="give those of the checkpoint, or start afresh in another folder",
        )
    )


def _differences(name: str, saved: Any, now: Any) -> Iterable[str]:
    if isinstance(saved, dict) and isinstance(now, dict):
        if saved.get("kind") != now.get("kind"):  # then all options differ
            saved, now = {"kind": saved.get("kind")}, {"kind": now.get("kind")}
        for key in dict.fromkeys([*saved, *now]):
            below = f"{name}.{key}" if name else str(key)
            yield from _differences(below, saved.get(key, _NONE), now.get(key, _NONE))
    elif isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        for index, pair in enumerate(zip(saved, now, strict=True)):
            yield from _differences(f"{name}[{index}]", *pair)
    elif saved != now and not (saved != saved and now != now):
        yield f"{name} was {_shown(saved)}, now {_shown(now)}"


class _Nothing:
    def __repr__(self) -> str:
        return "not there"


_NONE = _Nothing()


def _shown(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else repr(value)
    if isinstance(value, list | dict) and len(text) > 80:
        return f"of {len(value)} entries"
    return text if len(text) <= 80 else f"{text[:77]}..."


# ---- the state of a run


def keyed(callbacks: Iterable[Any]) -> dict[str, Any]:
    """Return the callbacks that can have a state, by class and position among their kind."""
    found: dict[str, Any] = {}
    for callback in callbacks:
        if hasattr(callback, "state_dict"):
            name, count = type(callback).__qualname__, 0
            while f"{name} {count}" in found:
                count += 1
            found[f"{name} {count}"] = callback
    return found


def stateful(callbacks: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Return the states of the callbacks that have one."""
    states = {name: callback.state_dict() for name, callback in keyed(callbacks).items()}
    return {name: state for name, state in states.items() if state}


def gather(trainer: Trainer, data: Data, place: Place) -> dict[str, Any]:
    """Return the whole state of a run between two steps."""
    return {
        "format": 1,
        "made": data.facts,
        "place": place.state_dict(),
        "step": trainer.step,
        "stopped": trainer.stopped,
        "model": trainer.model.state_dict(),
        "buffers": _hidden_buffers(trainer.model),
        "frozen": [n for n, p in trainer.model.named_parameters() if not p.requires_grad],
        "optimizer": {
            "kind": type(trainer.optimizer).__qualname__,
            "state": trainer.optimizer.state_dict(),
        },
        "rates": trainer._rates.state_dict(),
        "callbacks": stateful(trainer.listeners),
        "best": trainer._best.state_dict(),
        "history": trainer.history.state_dict(),
        "split_seed": trainer._seeds.split,
        "train": data.source.state_dict(place.meter is not None),
        "validation": None if data.held_out is None else place_of(data.held_out),
        "generators": data.generators.state_dict(),
    }


def restore(trainer: Trainer, state: dict[str, Any], data: Data) -> None:
    """Put everything back but the generators, which come last, and what belongs to the place."""
    model = trainer.model
    model.load_state_dict(state["model"])
    hidden = _hidden_buffers(model)
    with no_grad():
        for name, array in state["buffers"].items():
            if name in hidden:
                hidden[name].copy_(from_numpy(_array(array)))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in state["frozen"])
    trainer.step, trainer.stopped = state["step"], state["stopped"]
    trainer.history.load_state_dict(state["history"])
    for name, callback in keyed(trainer.listeners).items():
        if name in state["callbacks"]:
            callback.load_state_dict(state["callbacks"][name])
    optimizer = trainer.optimizer  # a callback may have put another in its place
    kind = type(optimizer).__qualname__
    if kind != state["optimizer"]["kind"]:
        raise ValueError(
            explain(
                "fit: resume",
                got=f"a {kind}",
                expected=f"the {state['optimizer']['kind']} that was at work at the checkpoint",
                fix="a callback that changes the optimizer must do so in load_state_dict, too",
            )
        )
    optimizer.load_state_dict(state["optimizer"]["state"])
    optimizer._stepped = trainer.step > 0  # else a scheduler warns that it comes too early
    trainer._rates.load_state_dict(state["rates"])
    trainer._best.load_state_dict(state["best"])
    data.source.load_state_dict(state["train"], state["place"]["batch"])
    if data.held_out is not None and state["validation"] is not None:
        put_place(data.held_out, state["validation"])


def _hidden_buffers(model: Any) -> dict[str, Any]:
    """Return the buffers that are not in the model's state."""
    known = set(model.state_dict())
    return {name: buffer for name, buffer in model.named_buffers() if name not in known}


def _array(value: Any) -> Array:
    return value.detach().numpy() if isinstance(value, Tensor) else value
