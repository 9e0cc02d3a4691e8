"""Ways in which a batch norm is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.family import Hypothesis, Scene

__all__ = ["HYPOTHESES"]

ODD_EPSILONS = (1e-8, 1e-7, 1e-6, 1e-4, 1e-2, 1e-10, 1e-5, 1e-3, 1e-1, 1.0)

SHARES = (0.1, 0.9, 0.99, 0.01, 0.5)
AVERAGES = ("moving_mean", "moving_variance")


@dataclass
class Parts:
    """A scene as rows of channels.

    Args:
        x, g: input and gradient of the output, (M, C).
        mean, var: the statistics that the mode wants, (C).
        eps: the right EPS.
        gamma, beta: (C).
        fold: brings rows back to the shape of the scene.
    """

    x: Array
    g: Array
    mean: Array
    var: Array
    eps: float
    gamma: Array
    beta: Array
    fold: Callable[[Array], Array]

    def output(self, deviation: Array, mean: Array | None = None) -> Array:
        """Return what comes out with another deviation (and mean)."""
        centred = self.x - (self.mean if mean is None else mean)
        return self.fold(centred / deviation * self.gamma + self.beta)


def _rows(array: Array) -> Array:
    return np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


def _parts(scene: Scene) -> Parts:
    x, g = _rows(scene.x), _rows(scene.g)
    shape = scene.x.shape
    moved = (shape[0], *shape[2:], shape[1])
    kept = scene.params
    gamma = kept.get("gamma", np.ones(shape[1]))
    beta = kept.get("beta", np.zeros(shape[1]))
    mean, var = x.mean(axis=0), x.var(axis=0)
    if not scene.training:
        mean, var = kept["moving_mean"], kept["moving_variance"]

    def fold(rows: Array) -> Array:
        return np.moveaxis(rows.reshape(moved), -1, 1)

    return Parts(x, g, mean, var, float(scene.reference().EPS), gamma, beta, fold)


# --- the output


def _misplaced(var: Array, eps: float) -> Iterator[Array]:
    """Deviations with EPS outside the root, without it, with it twice."""
    yield np.sqrt(var) + eps
    yield np.sqrt(var)
    yield np.sqrt(var + eps) + eps
    yield np.sqrt(var + 2 * eps)


def _eps_misplaced(scene: Scene, name: str) -> Iterator[Any]:
    parts = _parts(scene)
    for deviation in _misplaced(parts.var, parts.eps):
        yield parts.output(deviation)


def _eps_of_gradient(scene: Scene, name: str) -> Iterator[Any]:
    """The gradient with another deviation as its factor, with or without that in x's place."""
    parts = _parts(scene)
    for deviation in _misplaced(parts.var, parts.eps):
        if scene.training:
            yield _gradient(parts, deviation, deviation)
            yield _gradient(parts, deviation, np.sqrt(parts.var + parts.eps))
            yield _gradient(parts, np.sqrt(parts.var + parts.eps), deviation)
        else:
            yield parts.fold(parts.g * parts.gamma / deviation)


def _gradient(parts: Parts, factor: Array, inner: Array) -> Array:
    """The gradient in training: terms over `factor`, the normalized input over `inner`."""
    first, second, third = _terms(parts, factor, inner)
    return parts.fold(first - second - third)


def _terms(parts: Parts, factor: Array, inner: Array) -> tuple[Array, Array, Array]:
    """The three terms: by the value itself, through the mean, through the variance."""
    normal = (parts.x - parts.mean) / inner
    first = parts.g * parts.gamma / factor
    second = np.broadcast_to(first.mean(axis=0), first.shape)
    return first, second, normal * (first * normal).mean(axis=0)


def _other_eps(given: bool) -> Any:
    """Another EPS than the option (if it was given) or the definition says."""

    def predict(scene: Scene, name: str) -> Iterator[Any]:
        parts = _parts(scene)
        for eps in ODD_EPSILONS if ("eps" in scene.case.options) == given else ():
            told = {"option": "eps", "value": f"{parts.eps:g}"}
            found = {"option": "EPS", "value": f"{eps:g}", "expected": f"{parts.eps:g}"}
            if eps != parts.eps:
                yield parts.output(np.sqrt(parts.var + eps)), told if given else found

    return predict


def _unbiased(scene: Scene, name: str) -> Any:
    parts, n = _parts(scene), len(_rows(scene.x))
    return parts.output(np.sqrt(parts.var * n / (n - 1) + parts.eps))


def _by_running(scene: Scene, name: str) -> Iterator[Any]:
    """Training mode with the averages from before, or as they are after this batch."""
    if not scene.training:
        return
    size = scene.x.shape[1]
    start = {"moving_mean": np.zeros(size), "moving_variance": np.ones(size), **scene.params}
    yield scene.again(params=start, training=False)[name]
    option = "alpha" if scene.dialect == "practical_dl" else "momentum"
    for share in (None, *SHARES):  # the student's default may be another than the definition's
        own = {} if share is None else {option: share}
        for params in (start, scene.params):
            after = scene.again(params=params, **own)
            kept = {k: after[k] for k in AVERAGES}
            yield scene.again(params={**scene.params, **kept}, training=False)[name]


def _by_earlier(scene: Scene, name: str) -> Any:
    """Training mode with the statistics of an earlier batch."""
    if scene.earlier is None or not scene.training:
        return None
    parts, x = _parts(scene), _rows(scene.earlier.x)
    return parts.output(np.sqrt(x.var(axis=0) + parts.eps), x.mean(axis=0))


def _by_batch(scene: Scene, name: str) -> Any:
    return None if scene.training else scene.again(training=True)[name]


def _by_renewed(scene: Scene, name: str) -> Any:
    """Evaluation by averages that this batch has renewed."""
    if scene.training:
        return None
    after = scene.again(training=True)
    kept = {k: after[k] for k in AVERAGES}
    return scene.again(params={**scene.params, **kept})[name]


def _by_batch_in_part(scene: Scene, name: str) -> Iterator[Any]:
    """Evaluation with the batch's variance or its mean, but not both."""
    if scene.training:
        return
    parts = _parts(scene)
    yield parts.output(np.sqrt(parts.x.var(axis=0) + parts.eps))
    yield parts.output(np.sqrt(parts.var + parts.eps), parts.x.mean(axis=0))


def _along(*axes: tuple[int, ...] | None) -> Any:
    """Statistics along other axes than batch, rows and columns."""

    def predict(scene: Scene, name: str) -> Iterator[Any]:
        if not scene.training:
            return
        parts = _parts(scene)
        shape = (1, scene.x.shape[1], *[1] * (scene.x.ndim - 2))
        gamma, beta = parts.gamma.reshape(shape), parts.beta.reshape(shape)
        for axis in axes:
            if axis is not None and max(axis) >= scene.x.ndim:
                continue
            mean = scene.x.mean(axis=axis, keepdims=True)
            var = scene.x.var(axis=axis, keepdims=True)
            yield (scene.x - mean) / np.sqrt(var + parts.eps) * gamma + beta

    return predict


# --- the gradient


def _coefficients(scene: Scene) -> tuple[Array, float] | None:
    """Fit the student's gradient by the three terms of the right one, which has (1, 1, 1)."""
    parts = _parts(scene)
    deviation = np.sqrt(parts.var + parts.eps)
    first, second, third = _terms(parts, deviation, deviation)
    basis = np.stack([first.ravel(), -second.ravel(), -third.ravel()], axis=1)
    got = _rows(np.asarray(scene.got["gradInput"], np.float64)).ravel()
    found, *_ = np.linalg.lstsq(basis, got, rcond=None)
    rounded = np.where(np.abs(found) < 1e-6, 0.0, found)
    return rounded, float(len(parts.x))


def _terms_wrong(kind: str) -> Any:
    """Predict the gradient from the fitted terms, if they are wrong in this way."""

    def fits(ratio: float, n: float) -> bool:
        values = {
            "missing_term": (0.0,),
            "times_n": (n,),
            "divided_by_n": (1.0 / n,),
            "factor_two": (2.0, 0.5),
            "sign": (-1.0,),
        }[kind]
        return any(abs(ratio - value) < 1e-4 * max(value, 1e-2) for value in values)

    def predict(scene: Scene, name: str) -> Any:
        if not scene.training or np.shape(scene.got[name]) != scene.x.shape:
            return None
        found = _coefficients(scene)
        if found is None:
            return None
        ratios, n = found
        odd = [r for r in ratios if abs(r - 1.0) > 1e-4]
        if len(odd) == len(ratios) or not any(fits(float(r), n) for r in odd):
            return None
        parts = _parts(scene)
        deviation = np.sqrt(parts.var + parts.eps)
        first, second, third = _terms(parts, deviation, deviation)
        a, b, c = ratios
        return parts.fold(a * first - b * second - c * third)

    return predict


def _without_gamma(scene: Scene, name: str) -> Any:
    return scene.again(params={**scene.params, "gamma": np.ones_like(scene.params["gamma"])})[name]


def _of_input(scene: Scene, name: str) -> Iterator[Any]:
    """The gradient of gamma from the input or the output in the place of the normal values."""
    parts = _parts(scene)
    yield (parts.g * parts.x).sum(axis=0)
    yield (parts.g * (parts.x - parts.mean)).sum(axis=0)
    yield (parts.g * _rows(scene.want["output"])).sum(axis=0)


def _unscaled(scene: Scene, name: str) -> Iterator[Any]:
    """Evaluation without the deviation, or divided by the variance."""
    if scene.training:
        return
    parts = _parts(scene)
    yield scene.g
    yield parts.fold(parts.g * parts.gamma)
    yield parts.fold(parts.g * parts.gamma * np.sqrt(parts.var + parts.eps))
    yield parts.fold(parts.g * parts.gamma / (parts.var + parts.eps))


# --- the averages


def _share(scene: Scene) -> float:
    """Return the share of the batch in the averages."""
    layer = scene.reference()
    return float(1.0 - layer.alpha if hasattr(layer, "alpha") else layer.momentum)


def _averaged(scene: Scene, name: str, share: float, factor: float) -> Array:
    x = _rows(scene.x)
    old = scene.params[name]
    batch = x.mean(axis=0) if name == "moving_mean" else x.var(axis=0) * factor
    return (1.0 - share) * old + share * batch


def _factors(scene: Scene) -> tuple[float, float]:
    """Return the factor of the variance that the dialect has, and the one that it has not."""
    n = len(_rows(scene.x))
    both = 1.0, n / (n - 1)
    return both if scene.dialect == "practical_dl" else both[::-1]


def _swapped(scene: Scene, name: str) -> Iterator[Any]:
    for factor in _factors(scene):
        yield _averaged(scene, name, 1.0 - _share(scene), factor)


def _other_variance(dialect: str) -> Any:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        if scene.dialect == dialect:
            yield _averaged(scene, name, _share(scene), _factors(scene)[1])

    return predict


def _not_updated(scene: Scene, name: str) -> Any:
    return scene.params[name]


def _other_share(given: bool) -> Any:
    """Another share of the batch than the option (if it was given) or its default says."""

    def predict(scene: Scene, name: str) -> Iterator[Any]:
        option = "alpha" if scene.dialect == "practical_dl" else "momentum"
        if (option in scene.case.options) != given:
            return
        old = scene.params[name]
        for factor in _factors(scene):
            whole = _averaged(scene, name, 1.0, factor)
            at = int(np.argmax(np.abs(whole - old)))
            share = float((np.asarray(scene.got[name])[at] - old[at]) / (whole[at] - old[at]))
            if not -1e-6 <= share <= 1.0 + 1e-6:
                continue
            found = f"{1.0 - share if option == 'alpha' else share:.6g}"
            value = repr(scene.case.options[option]) if given else found
            yield (1.0 - share) * old + share * whole, {"option": option, "value": value}

    return predict


def _other_weights(negative: bool) -> Any:
    """The old average and the batch's in other proportions, which do not make one."""

    def predict(scene: Scene, name: str) -> Iterator[Any]:
        old, got = scene.params[name], np.asarray(scene.got[name], np.float64)
        for factor in _factors(scene):
            basis = np.stack([old, _averaged(scene, name, 1.0, factor)], axis=1)
            weights, *_ = np.linalg.lstsq(basis, got, rcond=None)
            if (weights < -1e-6).any() == negative:
                yield basis @ weights

    return predict


OUTPUT, GRADIENT = ("output",), ("gradInput",)
EVALUATION = ("evaluation_output", "evaluation_gradient")
HYPOTHESES: tuple[Hypothesis, ...] = (
    Hypothesis("batch_statistics_in_evaluation", ("output", "gradInput"), _by_batch, EVALUATION),
    Hypothesis("batch_statistics_in_evaluation", OUTPUT, _by_batch_in_part, EVALUATION),
    Hypothesis("running_statistics_not_updated", OUTPUT, _by_renewed, EVALUATION),
    Hypothesis("running_statistics_in_training", OUTPUT, _by_running),
    Hypothesis("stale_buffer", OUTPUT, _by_earlier),
    Hypothesis("eps_misplaced", OUTPUT, _eps_misplaced),
    Hypothesis("option_ignored", OUTPUT, _other_eps(True)),
    Hypothesis("wrong_constant", OUTPUT, _other_eps(False)),
    Hypothesis("unbiased_variance", OUTPUT, _unbiased),
    Hypothesis("wrong_axis", OUTPUT, _along((1,), None, (2, 3), (1, 2, 3), (0, 2), (0, 3))),
    Hypothesis("missing_term", GRADIENT, _terms_wrong("missing_term")),
    Hypothesis("times_n", GRADIENT, _terms_wrong("times_n")),
    Hypothesis("divided_by_n", GRADIENT, _terms_wrong("divided_by_n")),
    Hypothesis("factor_two", GRADIENT, _terms_wrong("factor_two")),
    Hypothesis("sign", GRADIENT, _terms_wrong("sign")),
    Hypothesis("missing_term", GRADIENT, _without_gamma),
    Hypothesis("eps_misplaced", GRADIENT, _eps_of_gradient),
    Hypothesis("local_derivative", GRADIENT, _unscaled, EVALUATION),
    Hypothesis("local_derivative", ("gradGamma",), _of_input),
    Hypothesis("running_statistics_not_updated", AVERAGES, _not_updated),
    Hypothesis("averaging_swapped", AVERAGES, _swapped),
    Hypothesis("biased_variance", ("moving_variance",), _other_variance("torch_like")),
    Hypothesis("unbiased_variance", ("moving_variance",), _other_variance("practical_dl")),
    Hypothesis("option_ignored", AVERAGES, _other_share(True)),
    Hypothesis("wrong_constant", AVERAGES, _other_share(False)),
    Hypothesis("sign", AVERAGES, _other_weights(True)),
    Hypothesis("factor", AVERAGES, _other_weights(False)),
)
