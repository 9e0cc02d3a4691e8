"""Diagnostics: what happens inside of the layers while a net is trained."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight import comm, nn
from rushlight.arrays import Array
from rushlight.errors import explain
from rushlight.io import write_text
from rushlight.nn.summary.watching import tensors_in
from rushlight.train.callbacks import Callback
from rushlight.train.drawing import matplotlib
from rushlight.train.feed import check_count
from rushlight.train.files import check_folder
from rushlight.train.guard import finite_or_none
from rushlight.train.history import History, Record
from rushlight.train.layer_pictures import draw_layers
from rushlight.train.verdicts import verdict

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Diagnostics"]

Layer = dict[str, Any]

BINS = 40  # of a histogram
_CUTTING = (nn.ReLU, nn.ReLU6, nn.Threshold)  # units of these can be dead
_SATURATED = 0.05  # of the steepest slope; below it a unit counts as saturated


class Diagnostics(Callback):
    """Looks into the layers: gradients, updates, activations, dead and saturated units.

    For each layer with parameters and each epoch that is looked at:

    - 'gradient_norm', 'gradient_max': mean and maximum over the steps of ||g||, before clipping;
    - 'update_ratio': mean of ||w' - w|| / ||w|| over the steps (around 1e-3 is usual);
    - 'weight_norm': ||w|| at the end.

    For each layer without children, over all training batches of the epoch:

    - 'mean', 'std', 'zeros': of the outputs; the share of those that are exactly 0;
    - 'units', 'dead': of ReLU, ReLU6 and Threshold modules, how many units there are (features or
      channels), and how many were 0 for every sample of the epoch;
    - 'saturated': of Sigmoid and Tanh modules, the share of outputs at which the slope is under
      5 % of the steepest.

    'histograms' has 'weights' at the end, and 'gradients' and 'activations' of the first batch,
    each as 'counts' and 'edges'; of several processes, 'activations' are of the first one's part of
    that batch. Activations that are functions, not modules, are seen as part
    of the layer around them. An epoch that is looked at takes about twice the time; hooks are
    removed after it.

    Args:
        folder: for `diagnostics.json`, written after each epoch looked at, and, where matplotlib
            is installed, `diagnostics.png`, drawn when training ends (default None: nothing is
            written).
        every: epochs from one that is looked at to the next; the first is (default 1).

    Attributes:
        records: for each epoch looked at a dict of 'epoch' and 'layers': path -> the values above.

    Raises:
        OSError: the folder cannot be written to; found out before the first step.

    Example:
        >>> import rushlight as rl
        >>> from rushlight.train import Trainer
        >>> _ = rl.manual_seed(0)
        >>> model = rl.nn.Sequential(rl.nn.Linear(2, 8), rl.nn.ReLU(), rl.nn.Linear(8, 1))
        >>> _ = rl.nn.init.constant_(model[0].bias, -100)
        >>> look = Diagnostics()
        >>> trainer = Trainer(model, "mse", callbacks=[look], progress="none")
        >>> _ = trainer.fit(rl.randn(32, 2), rl.randn(32, 1), epochs=2)
        >>> look.records[-1]["layers"]["1"]["dead"]
        8
        >>> print(look.verdicts()["1"])
        1 (ReLU behind 0): none of its 8 units fired in epoch 2: nothing passes, and what lies
        before it no longer learns
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, every: int = 1) -> None:
        self.folder = None if folder is None else pathlib.Path(folder)
        self.every = check_count("Diagnostics every", every)
        self.records: list[dict[str, Any]] = []
        self._open: int | None = None  # the epoch that is being looked at
        self._layers: dict[str, Layer] = {}
        self._handles: list[Any] = []
        self._sources: list[tuple[Any, str]] = []  # outputs of this batch: (tensor, fed by)
        self._before: list[tuple[Any, Array]] = []
        self._model: nn.Module | None = None

    # ---- events

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder."""
        if self.folder is not None and comm.current().first:
            check_folder(self.folder)
            trainer.claim(self.folder)
        self._model = trainer.model
        self._open, self._layers = None, {}
        if not trainer.step:
            self.records = []

    def on_epoch_begin(self, *, trainer: Trainer, epoch: int) -> None:
        """Hook on the layers, if this epoch is looked at."""
        if (epoch - 1) % self.every == 0:
            self._open, self._layers = epoch, {}
            self._hook(trainer.model)

    def on_gradients(self, *, trainer: Trainer, epoch: int, batch: int) -> None:
        """Measure the gradients, and keep the weights from before the step."""
        if self._open is None:
            return
        self._before = []
        for path, _, parameters in _owners(trainer.model):
            gradients = [p.grad._array for p in parameters if p.grad is not None]
            if not gradients:
                continue
            layer, norm = self._layer(path), _norm(gradients)
            if not layer["steps"]:
                layer["gradients"] = _histogram(gradients)
            layer["steps"] += 1
            layer["gradient"] += norm
            layer["gradient_max"] = max(layer["gradient_max"], norm)
            self._before += [(p, p._array.copy()) for p in parameters]

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Measure the update of the step."""
        self._sources.clear()
        if self._open is None:
            return
        before = {id(p): array for p, array in self._before}
        self._before = []
        for path, _, parameters in _owners(trainer.model):
            old = [before[id(p)] for p in parameters if id(p) in before]
            size = _norm(old)
            if size:
                new = [p._array for p in parameters if id(p) in before]
                layer = self._layer(path)
                layer["updates"] += 1
                layer["ratio"] += _norm(a - b for a, b in zip(new, old, strict=True)) / size

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Put the numbers of the epoch together, and remove the hooks."""
        if self._open is None:
            return
        self._unhook()
        kinds = {path: type(m).__name__ for path, m in trainer.model.named_modules()}
        owners = {path: parameters for path, _, parameters in _owners(trainer.model)}
        seen = self._of_all()
        layers = {
            path: _summed(seen.get(path, _empty()), kind, owners.get(path, []))
            for path, kind in kinds.items()
            if path in seen or path in owners
        }
        self.records.append({"epoch": epoch, "layers": layers})
        self._open, self._layers = None, {}
        if self.folder is not None and comm.current().first:
            self.save(self.folder / "diagnostics.json")

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Draw the picture."""
        self.close()  # what it draws needs no hooks, and may fail
        if self.folder is not None and self.records and comm.current().first and _can_draw():
            self.plot(self.folder / "diagnostics.png")

    def close(self) -> None:
        """Remove the hooks, whatever happened."""
        self._unhook()
        self._sources, self._before, self._model = [], [], None

    # ---- what was found

    def verdicts(self, epoch: int | None = None) -> dict[str, str]:
        """Return what the numbers say, in plain words: path of a layer -> a line.

        Args:
            epoch: one that was looked at (default None: the last).

        Raises:
            ValueError: the epoch was not looked at.
        """
        known = {record["epoch"]: record["layers"] for record in self.records}
        at = max(known, default=0) if epoch is None else epoch
        if at not in known:
            got = "no epoch so far" if epoch is None else f"epoch {epoch}"
            expected = f"one of {sorted(known)}" if known else "one that was looked at"
            raise ValueError(explain("Diagnostics.verdicts", got=got, expected=expected))
        return {path: verdict(path, layer, at) for path, layer in known[at].items()}

    def __str__(self) -> str:
        return "\n".join(self.verdicts().values()) if self.records else "Diagnostics: no epochs"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the records and verdicts as JSON; numbers that are not finite are null."""
        epochs = [
            {**finite_or_none(record), "verdicts": self.verdicts(record["epoch"])}
            for record in self.records
        ]
        write_text(path, json.dumps({"epochs": epochs}, allow_nan=False) + "\n")

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw gradients, updates and activations of all epochs, and the last histograms, as a PNG.

        Raises:
            ValueError: there is no record yet.
            MissingExtra: matplotlib (extra `plots`) is not installed.
        """
        if not self.records:
            got = "no epoch so far"
            raise ValueError(explain("Diagnostics.plot", got=got, expected="one or more"))
        draw_layers(self.records, path)

    # ---- hooks

    def _layer(self, path: str) -> Layer:
        found = self._layers.get(path)
        if found is None:
            found = self._layers[path] = _empty()
        return found

    def _hook(self, model: nn.Module) -> None:
        self._unhook()
        for path, module in model.named_modules():
            if not module._modules:
                hook = _Hook(self._seen, model, path)
                self._handles.append(module.register_forward_hook(hook))

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _seen(self, model: nn.Module, path: str, module: nn.Module, args: Any, result: Any) -> None:
        """Take in what a layer returned."""
        tensor = next(tensors_in(result), None)
        if not model.training or tensor is None or tensor._array.dtype.kind != "f":
            return
        array = tensor._array
        layer = self._layer(path)
        source = path if _has_matrix(module) else self._source(next(tensors_in(args), None))
        self._sources.append((tensor, source))
        if not layer["count"]:
            layer["activations"] = _histogram([array])
            layer["source"] = source
        flat = array.ravel(order="K")  # as it lies in memory, without a copy
        _spread(layer, flat)
        layer["zeros"] += flat.size - int(np.count_nonzero(flat))
        if isinstance(module, _CUTTING) and array.ndim:
            fired = _fired(array, model, source)
            before = layer["fired"]
            grown = before is not None and before.shape == fired.shape
            layer["fired"] = before | fired if grown else fired
        slope = _slope(module, array)
        if slope is not None:
            layer["saturated"] += int(np.count_nonzero(slope < _SATURATED))

    def _of_all(self) -> dict[str, Layer]:
        """Return what has been seen on all ranks, each of which has its rows of every batch."""
        found: dict[str, Layer] = {}
        for layers in comm.current().gather_objects(self._layers):
            for path, layer in layers.items():
                if path in found:
                    _join(found[path], layer)
                else:
                    found[path] = _copied(layer)
        return found

    def _source(self, tensor: Any) -> str:
        return next((path for made, path in self._sources if made is tensor), "")

    # ---- state

    def state_dict(self) -> dict[str, Any]:
        """Return the records and what the epoch under way has given so far.

        In a `fit` of several processes all call this.
        """
        layers = {} if self._open is None else self._of_all()
        return {"records": list(self.records), "epoch": self._open, "layers": layers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.records = list(state["records"])
        self._open = state["epoch"]
        self._layers = {}
        if comm.current().first:  # it is of all ranks
            self._layers = {path: _copied(layer) for path, layer in state["layers"].items()}
        if self._open is not None and self._model is not None:
            self._hook(self._model)


class _Hook:
    """A hook that a copy of the model does not copy together with the callback."""

    def __init__(self, seen: Callable[..., None], model: nn.Module, path: str) -> None:
        self.seen, self.model, self.path = seen, model, path

    def __call__(self, module: nn.Module, args: Any, result: Any) -> None:
        self.seen(self.model, self.path, module, args, result)

    def __deepcopy__(self, memo: Any) -> _Hook:
        return self


def _empty() -> Layer:
    """Return the sums of a layer before anything was seen of it."""
    numbers = dict.fromkeys(("steps", "updates", "count", "zeros", "saturated"), 0)
    sums = dict.fromkeys(("gradient", "gradient_max", "ratio", "mean", "squares"), 0.0)
    rest = {"fired": None, "gradients": None, "activations": None, "source": ""}
    return {**numbers, **sums, **rest}


def _copied(layer: Layer) -> Layer:
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in layer.items()}


def _spread(layer: Layer, numbers: Array) -> None:
    """Take numbers into the mean and the sum of squared distances to it (Chan et al. 1979)."""
    if numbers.size:
        mean = float(numbers.mean())
        away = numbers - numbers.dtype.type(mean)
        _widen(layer, numbers.size, mean, float(np.vdot(away, away)))


def _widen(layer: Layer, size: int, mean: float, squares: float) -> None:
    """Take in so many numbers by their mean and the sum of their squared distances to it."""
    count, step = layer["count"] + size, mean - layer["mean"]
    layer["squares"] += squares + step * step * layer["count"] * size / count
    layer["mean"] += step * size / count
    layer["count"] = count


def _join(layer: Layer, other: Layer) -> None:
    """Take in what another process has seen; steps and gradients are those of all already."""
    if other["count"]:
        if not layer["count"]:
            layer["source"] = other["source"]
        _widen(layer, other["count"], other["mean"], other["squares"])
    for name in ("zeros", "saturated"):
        layer[name] += other[name]
    if layer["activations"] is None:
        layer["activations"] = other["activations"]
    fired, more = layer["fired"], other["fired"]
    if fired is None or more is None:
        layer["fired"] = more if fired is None else fired
    elif fired.shape == more.shape:
        layer["fired"] = fired | more


def _summed(layer: Layer, kind: str, parameters: list[Any]) -> Layer:
    """Return the numbers of a layer over an epoch."""
    found: Layer = {"kind": kind}
    histograms = {}
    if parameters:
        arrays = [p._array for p in parameters]
        histograms["weights"] = _histogram(arrays)
        found["weight_norm"] = _norm(arrays)
        steps, updates = layer["steps"], layer["updates"]
        found["gradient_norm"] = layer["gradient"] / steps if steps else None
        found["gradient_max"] = layer["gradient_max"] if steps else None
        found["update_ratio"] = layer["ratio"] / updates if updates else None
    count = layer["count"]
    if count:
        found["mean"], found["zeros"] = layer["mean"], layer["zeros"] / count
        found["std"] = math.sqrt(layer["squares"] / count)
        if layer["fired"] is not None:
            found["units"] = int(layer["fired"].size)
            found["dead"] = int((~layer["fired"]).sum())
        if kind in ("Sigmoid", "Tanh"):
            found["saturated"] = layer["saturated"] / count
        if layer["source"]:
            found["source"] = layer["source"]
    for name in ("gradients", "activations"):
        if layer[name] is not None:
            histograms[name] = layer[name]
    return {**found, "histograms": histograms}


def _owners(model: nn.Module) -> Iterator[tuple[str, nn.Module, list[Any]]]:
    """Iterate over the modules that have trainable parameters of their own."""
    for path, module in model.named_modules():
        own = [p for p in module._parameters.values() if p is not None and p.requires_grad]
        if own:
            yield path, module, own


def _norm(arrays: Any) -> float:
    return math.sqrt(sum(float(np.vdot(a, a)) for a in arrays))


def _histogram(arrays: list[Array]) -> dict[str, list[float]] | None:
    """Return counts and edges of all finite numbers in some arrays."""
    numbers = np.concatenate([a.ravel() for a in arrays]).astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return None
    counts, edges = np.histogram(numbers, BINS)
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def _has_matrix(module: nn.Module) -> bool:
    """Tell whether a layer mixes its inputs: what follows it are its units."""
    return any(p is not None and p.ndim > 1 for p in module._parameters.values())


def _fired(array: Array, model: nn.Module, source: str) -> Array:
    """Return for each unit whether it was anything else than 0: features, or channels."""
    last = array.ndim == 3 and not source
    if source:
        last = isinstance(model.get_submodule(source), nn.Linear)
    axis = array.ndim - 1 if last or array.ndim == 1 else 1
    others = tuple(i for i in range(array.ndim) if i != axis)
    found: Array = (array != 0).any(others)
    return found


def _slope(module: nn.Module, array: Array) -> Array | None:
    """Return the slope of a sigmoid or tanh, as a share of the steepest, given its output."""
    if isinstance(module, nn.Tanh):
        return 1 - np.square(array)
    if isinstance(module, nn.Sigmoid):
        return 4 * array * (1 - array)
    return None


def _can_draw() -> bool:
    try:
        matplotlib("figure")
    except ImportError:
        return False
    return True
