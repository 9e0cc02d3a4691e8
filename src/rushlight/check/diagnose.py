"""From evidence to findings: the cause is the hypothesis whose wrong array equals the student's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check import compare, source
from rushlight.check.family import Evidence, Family, Hypothesis, Scene
from rushlight.check.findings import Finding

__all__ = ["Opinion", "diagnose", "finding"]

Opinion = Callable[[Evidence], dict[str, str]]
PATIENCE = 3  # so often a tensor may stay unexplained before the search for it is given up
VAGUE = ("unexplained", "crash", "wrong_shape")  # give way to a cause that explains the same tensor


def diagnose(
    evidence: Iterable[Evidence],
    family: Family,
    code: source.Source,
    opinion: Opinion | None = None,
) -> list[Finding]:
    """Return the findings: one for each cause, those that are explained before the others.

    Args:
        evidence: comparisons that failed, the plainest case first.
        family: whose hypotheses are tried.
        code: the student's source, for mistakes that are seen in the text alone.
        opinion: what another library says of the evidence, for the details of the findings.
    """
    found: dict[tuple[str, str], Finding] = {}
    broken: set[str] = set()  # tensors that are wrong in a plainer case already
    search = Search(family, code, opinion)
    for one in evidence:
        made = finding(one, search)
        if one.tensor in broken and _guessed(one, made):
            continue  # not of the special case's making
        if made.severity == "defect":
            broken.add(one.tensor)
        found.setdefault((made.cause, made.severity), made)
    ordered = sorted(found.values(), key=_rank)
    known = {f.tensor for f in ordered if f.severity == "defect" and f.cause not in VAGUE}
    if known:  # what is not explained follows, as a rule, from what is
        ordered = [f for f in ordered if f.cause != "unexplained"]
    return [f for f in ordered if f.cause not in VAGUE or f.tensor not in known]


@dataclass
class Search:
    """The search for causes of one layer's mistakes.

    Args:
        family: whose hypotheses are tried.
        code: the student's source.
        opinion: as in `diagnose`.
        fitted: hypotheses that have explained something; one mistake shows in many cases.
        missed: how often nothing has explained a tensor; in the end the search is given up.
    """

    family: Family
    code: source.Source
    opinion: Opinion | None = None
    fitted: list[Hypothesis] = field(default_factory=list)
    missed: Counter[str] = field(default_factory=Counter)

    def hypotheses(self, tensor: str, general: bool = True) -> Iterator[Hypothesis]:
        """Give what is to be tried: what has fitted, the family's own, the general ones."""
        yield from tuple(self.fitted)
        if self.missed[tensor] < PATIENCE:
            yield from (h for h in self.family.hypotheses if not h.late)
            yield from GENERAL if general else ()
        yield from (h for h in self.family.hypotheses if h.late)


def _guessed(evidence: Evidence, made: Finding) -> bool:
    """Tell whether the cause is what the special case is about, for want of another."""
    if evidence.scene is None or evidence.cause:
        return False
    case, name = evidence.scene.case, evidence.tensor
    fallback = evidence.scene.family.fallback.get(name)
    return made.cause in {case.if_wrong(name), case.if_it_raises(name), fallback}


def _rank(found: Finding) -> tuple[bool, bool]:
    return found.severity == "note", found.cause == "unexplained"


def finding(evidence: Evidence, search: Search) -> Finding:
    """Return the finding that a piece of evidence amounts to."""
    cause, details = _cause(evidence, search)
    scene = evidence.scene
    made = Finding(
        severity=evidence.severity,  # type: ignore[arg-type]
        check=evidence.check,
        tensor=evidence.tensor,
        cause=cause,
        layer=search.family.name,
        case=evidence.case or (describe(scene) if scene is not None else ""),
        details={**evidence.details, **details},
    )
    got, want = compare.as_array(evidence.got), compare.as_array(evidence.want)
    if want is None or got is None:
        return made
    if search.opinion is not None:
        made = replace(made, details={**made.details, **search.opinion(evidence)})
    if got.shape != want.shape:
        shapes = {"wrong_shape": str(got.shape), "right_shape": str(want.shape)}
        return replace(made, details={**made.details, **shapes})
    limit = compare.tolerance(evidence.got)
    index = compare.first(got, want, limit)
    if index is None:
        return made
    return replace(
        made,
        details={**made.details, **_told_by_values(cause, got, want, limit)},
        index=index,
        expected=float(want[index]),
        got=float(got[index]),
        max_error=compare.largest(got, want),
        region=compare.region(got, want, limit),
        picture=compare.picture(got, want, limit),
    )


def _told_by_values(cause: str, got: Array, want: Array, limit: float) -> dict[str, str]:
    """Return what the texts of a cause say of the values: the factor, whether all is turned."""
    if cause in ("times_n", "divided_by_n"):
        at = np.unravel_index(np.argmax(np.abs(want)), want.shape)
        ratio = float(got[at] / want[at])
        if ratio > 0 and not compare.wrong(got, ratio * want, limit).any():
            return {"n": f"{max(ratio, 1 / ratio):.6g}"}
    if cause == "sign" and compare.wrong(got, -want, limit).any():
        return {"kind": "part"}
    if cause == "overflow" and np.isfinite(got).all():
        return {"kind": "clipped"}
    return {}


def describe(scene: Scene) -> str:
    """Return how the layer was made and called, as one would type it."""
    options = scene.case.options
    required = [a.name for a in scene.family.arguments if a.required]
    words = [repr(v) if k in required else f"{k}={v!r}" for k, v in options.items()]
    mode = "" if scene.training else ", evaluation"
    return f"{scene.family.name}({', '.join(words)}), input {scene.x.shape}{mode}"


def _cause(evidence: Evidence, search: Search) -> tuple[str, dict[str, str]]:
    scene, code = evidence.scene, search.code
    if evidence.cause:
        return evidence.cause, {}
    if evidence.error is not None:
        return _of_error(evidence, code)
    if evidence.got is None:
        return _of_nothing(evidence, code)
    got, want = compare.as_array(evidence.got), compare.as_array(evidence.want)
    if got is None or want is None or scene is None:
        return "wrong_shape", {"kind": "no_array", "name": type(evidence.got).__name__}
    line = code.early_return(evidence.tensor)
    for hypothesis in search.hypotheses(evidence.tensor, general=not line):
        details = _fits(hypothesis, evidence, got, want)
        if details is not None:
            if hypothesis.late:  # a last resort
                search.missed[evidence.tensor] += 1
            elif hypothesis not in search.fitted:
                search.fitted.append(hypothesis)
            return hypothesis.cause, details
    search.missed[evidence.tensor] += 1
    if line:
        return "early_return", {"line": line}
    if got.shape != want.shape:  # as good as a crash, where the case has a name for one
        cause = scene.case.if_it_raises(evidence.tensor)
        return ("wrong_shape" if cause == "crash" else cause), {}
    if scene.case.if_wrong(evidence.tensor) != "unexplained":
        return scene.case.if_wrong(evidence.tensor), {}
    return search.family.fallback.get(evidence.tensor, "unexplained"), {}


def _fits(
    hypothesis: Hypothesis, evidence: Evidence, got: Array, want: Array
) -> dict[str, str] | None:
    if hypothesis.tensors and evidence.tensor not in hypothesis.tensors:
        return None
    if hypothesis.checks and evidence.check not in hypothesis.checks:
        return None
    limit = compare.tolerance(evidence.got)
    with np.errstate(all="ignore"):
        for array, details in _predictions(hypothesis, evidence):
            wrong = compare.as_array(array)
            if wrong is None or wrong.shape != got.shape:
                continue
            if compare.wrong(got, wrong, limit).any():
                continue
            if wrong.shape != want.shape or compare.wrong(wrong, want, limit).any():
                return details
    return None


def _predictions(
    hypothesis: Hypothesis, evidence: Evidence
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Give what a hypothesis predicts; one that cannot be computed here does not apply."""
    assert evidence.scene is not None
    scene = replace(evidence.scene, about=evidence.tensor)
    if hypothesis in _OF_WANT:
        scene = replace(scene, want={**scene.want, evidence.tensor: evidence.want})
        scene.got = {**scene.got, evidence.tensor: evidence.got}
    try:
        made = hypothesis.predict(scene, evidence.tensor)
        several = made if isinstance(made, (list, Iterator)) else [made]
        for one in several:
            array, details = one if isinstance(one, tuple) else (one, {})
            yield array, {**hypothesis.details, **details}
    except Exception:
        return


def _of_error(evidence: Evidence, code: source.Source) -> tuple[str, dict[str, str]]:
    error = evidence.error
    method = getattr(error, "inside", "")
    details = {"error": str(error), "line": getattr(error, "line", ""), "method": method}
    nested = code.nested()
    if nested and isinstance(error.__cause__, (AttributeError, NotImplementedError, TypeError)):  # type: ignore[union-attr]
        return "nested_def", {**details, **nested}
    if getattr(error, "missing", False):
        return "missing_method", {"method": method}
    scene = evidence.scene
    cause = scene.case.if_it_raises(evidence.tensor) if scene is not None else "crash"
    details["kind"] = _kind(error.__cause__) if cause == "crash" and error is not None else ""
    return cause, {k: v for k, v in details.items() if v}


def _kind(error: BaseException | None) -> str:
    """Return which of the hints for a crash it calls for."""
    if isinstance(error, (AttributeError, NameError)):
        return "unknown_name"
    if isinstance(error, TypeError) and "positional argument" in str(error):
        return "arguments"
    return "truth" if "truth value of an array" in str(error) else ""


def _of_nothing(evidence: Evidence, code: source.Source) -> tuple[str, dict[str, str]]:
    nested = code.nested()
    if nested:
        return "nested_def", nested
    line = code.early_return(evidence.tensor)
    if line:
        return "early_return", {"line": line}
    gradient = evidence.tensor not in ("output", "gradInput")
    return ("missing_gradient" if gradient else "returns_none"), {}


# --- ways of being wrong that any layer knows


def _stale(scene: Scene, name: str) -> Iterator[Any]:
    earlier = scene.earlier
    if earlier is None:
        return
    if name in earlier.want:
        yield earlier.want[name]
        if name in ("output", "gradInput") and np.shape(earlier.want[name]) == np.shape(
            scene.want[name]
        ):
            yield earlier.want[name] + scene.want[name]
    if earlier.x.shape == scene.x.shape:
        yield scene.again(x=earlier.x).get(name)
    if earlier.g.shape == scene.g.shape:
        yield scene.again(g=earlier.g).get(name)


def _ignored_options(scene: Scene, name: str) -> Iterator[Any]:
    optional = {a.name for a in scene.family.arguments if not a.required}
    for option, value in scene.case.options.items():
        if option not in optional:
            continue
        rest = {k: v for k, v in scene.case.options.items() if k != option}
        case = replace(scene.case, options=rest)
        tensors = replace(scene, case=case).run()
        yield tensors.get(name), {"option": option, "value": repr(value)}


def _nothing(scene: Scene, name: str) -> Any:
    """Zeros that were never written to: what was computed is seldom zero exactly."""
    written = name == "output" or np.any(scene.got[name])
    return None if written else np.zeros_like(scene.want[name])


def _without_bias(scene: Scene, name: str) -> Any:
    return scene.again(params={**scene.params, "b": np.zeros_like(scene.params["b"])})[name]


def _factors(scene: Scene, name: str) -> Iterator[Any]:
    """Give the expected array times the one constant that the student's array could be."""
    want, got = np.asarray(scene.want[name], float), np.asarray(scene.got[name], float)
    if want.shape != got.shape or np.count_nonzero(want) < 3:  # one number has always a factor
        return
    at = np.unravel_index(np.argmax(np.abs(want)), want.shape)
    factor = float(got[at] / want[at])
    if factor:
        yield want * factor, {"factor": f"{factor:.6g}"}


def _scaled(power: int) -> Any:
    def predict(scene: Scene, name: str) -> Iterator[Any]:
        want = np.asarray(scene.want[name], float)
        n, size = scene.x.shape[0], scene.x.size
        counts = {n, size, size // n, np.size(scene.want["output"])}
        if scene.x.ndim == 4:  # of a channel: in one sample, in the batch
            counts |= {size // n // scene.x.shape[1], size // scene.x.shape[1]}
        for count in sorted(counts - {1}):
            yield want * float(count) ** power

    return predict


GENERAL: tuple[Hypothesis, ...] = (
    Hypothesis("overwritten", (), lambda s, n: s.want[n] - s.base[n], checks=("accumulation",)),
    Hypothesis("sign", (), lambda s, n: -np.asarray(s.want[n])),
    Hypothesis("stale_buffer", (), _stale),
    Hypothesis(  # an earlier input's maxima are nowhere in this one
        "stale_buffer", ("gradInput",), lambda s, n: np.zeros_like(s.want[n]), ("repeated",)
    ),
    Hypothesis("option_ignored", (), _ignored_options),
    Hypothesis("bias_ignored", ("output",), _without_bias),
    Hypothesis("missing_gradient", (), _nothing),
    Hypothesis("upstream_ignored", (), lambda s, n: s.again(g=np.ones_like(s.g))[n]),
    Hypothesis("times_n", (), _scaled(1)),
    Hypothesis("divided_by_n", (), _scaled(-1)),
    Hypothesis("factor_two", (), lambda s, n: [np.asarray(s.want[n]) * f for f in (2.0, 0.5)]),
    Hypothesis("factor", (), _factors),
    Hypothesis("transposed", (), lambda s, n: np.asarray(s.want[n]).T),
)
_OF_WANT = GENERAL
