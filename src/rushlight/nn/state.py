"""State dicts: the parameters and persistent buffers of a tree of modules, by path."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple

from rushlight.autograd import no_grad
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.nn.registry import Registry
from rushlight.tensor import Tensor
from rushlight.tensor.tensor import Handle

__all__ = ["IncompatibleKeys", "Stateful"]

_EXTRA = "_extra_state"
_ids = count()
Hook = Callable[..., Any]


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class Stateful(Registry):
    """The part of Module that writes and reads state dicts."""

    _state_hooks: dict[str, dict[int, Hook]] | None = None  # by kind; most modules have none

    def _hooks_of(self, kind: str) -> tuple[Hook, ...]:
        return () if self._state_hooks is None else tuple(self._state_hooks.get(kind, {}).values())

    def _add_state_hook(self, kind: str, hook: Hook) -> Handle:
        if self._state_hooks is None:
            self._state_hooks = {}
        hooks = self._state_hooks.setdefault(kind, {})
        key = next(_ids)
        hooks[key] = hook
        return Handle(hooks, key)

    def register_state_dict_pre_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, prefix, keep_vars)` before the module's state is taken."""
        return self._add_state_hook("before save", hook)

    def register_state_dict_post_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it; it edits in place."""
        return self._add_state_hook("after save", hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before the module's state is read."""
        return self._add_state_hook("before load", hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> Handle:
        """Call `hook(module, incompatible_keys)` after it; it may edit the lists of keys."""
        return self._add_state_hook("after load", hook)

    # ---- extra state

    def get_extra_state(self) -> Any:
        """Return what else belongs in the state dict; override it with `set_extra_state`."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: override get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: override set_extra_state")

    def _overrides(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(Stateful, name)

    # ---- out

    def _persistent(self) -> dict[str, Tensor]:
        """Return the module's own parameters and persistent buffers, those that are not None."""
        skip = self._non_persistent_buffers_set
        own: dict[str, Any] = {**self._parameters}
        own.update((name, value) for name, value in self._buffers.items() if name not in skip)
        return {name: value for name, value in own.items() if value is not None}

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Enter the module's own state, not its children's; classes may extend it."""
        for name, value in self._persistent().items():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
        if self._overrides("get_extra_state"):
            destination[prefix + _EXTRA] = self.get_extra_state()

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Return parameters and persistent buffers by path, detached, sharing their memory.

        Args:
            destination: a dict to enter them in; default a new OrderedDict.
            prefix: put before each path; default none.
            keep_vars: give the Parameters themselves; default False.
        """
        found: dict[str, Any] = OrderedDict() if destination is None else destination
        for hook in self._hooks_of("before save"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(found, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._hooks_of("after save"):
            hook(self, found, prefix, {})
        return found

    # ---- in

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Read the module's own state, not its children's; classes may extend it."""
        for hook in self._hooks_of("before load"):
            hook(
                self,
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = self._persistent()
        for name, old in own.items():
            key = prefix + name
            if key in state_dict:
                assign = local_metadata.get("assign_to_params_buffers", False)
                problem = self._take(name, old, state_dict[key], assign)
                if problem:
                    error_msgs.append(f"{key}: {problem}")
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA
        if self._overrides("set_extra_state"):
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _take(self, name: str, old: Tensor, new: Any, assign: bool) -> str:
        """Copy or assign one member; return what is wrong with it, or ''."""
        if not isinstance(new, Tensor):
            return f"got {type(new).__name__}, expected a Tensor (rushlight.tensor makes one)"
        if is_lazy(new):
            called = f"got {new!r}, expected the state of a module that was called"
            return "" if is_lazy(old) else called
        if old.shape == () and new.shape == (1,):
            new = new[0]
        if new.shape != old.shape:
            return f"size mismatch: {new.shape} in the state dict, {old.shape} in the module"
        with no_grad():
            if not assign:
                old.copy_(new.detach())
            elif isinstance(old, Parameter):
                if not isinstance(new, Parameter):
                    new = Parameter(new, requires_grad=False)
                setattr(self, name, new.requires_grad_(old.requires_grad))
            else:
                setattr(self, name, new)
        return ""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the values of a state dict into parameters and buffers.

        Args:
            state_dict: path -> Tensor, as `state_dict()` returns it.
            strict: whether missing and unexpected keys are an error; default True.
            assign: put the tensors of the state dict in place of the module's own instead of
                copying (dtypes are then those of the state dict; make optimizers afterwards);
                default False.

        Returns:
            The missing and the unexpected keys.

        Raises:
            RuntimeError: names every missing and unexpected key (if strict) and every value of
                another shape. Values that fit have been copied then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: got {type(state_dict).__name__}, expected a dict of Tensors"
            )
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        incompatible = IncompatibleKeys(missing, unexpected)
        metadata = {"assign_to_params_buffers": True} if assign else {}

        def load(module: Any, state: dict[str, Any], prefix: str) -> None:
            module._load_from_state_dict(
                state, prefix, dict(metadata), True, missing, unexpected, problems
            )
            for name, child in module._modules.items():
                if child is not None:
                    path = f"{prefix}{name}."
                    below = {key: v for key, v in state.items() if key.startswith(path)}
                    load(child, below, path)
            for hook in module._hooks_of("after load"):
                hook(module, incompatible)

        load(self, OrderedDict(state_dict), "")
        if strict and unexpected:
            problems.insert(0, f"unexpected keys: {', '.join(map(repr, unexpected))}")
        if strict and missing:
            problems.insert(0, f"missing keys: {', '.join(map(repr, missing))}")
        if problems:
            lines = "\n    ".join(problems)
            raise RuntimeError(f"load_state_dict of {type(self).__name__}:\n    {lines}")
        return incompatible
