"""Counts of n-grams: which runs of whole numbers of a pool a sequence holds, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__: list[str] = []


def _wrong(node: Node, got: object, expected: object) -> ValueError:
    return ValueError(explain(f"{node.op} ({node.name})", got=got, expected=expected))


@operator("TfIdfVectorizer", since=9)
def _count_ngrams(node: Node, x: Any) -> Tensor:
    """(C) -> (K), (N, C) -> (N, K): counts, weights of what is there, or their products"""
    if node.get("pool_strings"):
        where = f"{node.op} ({node.name})"
        raise DtypeError(explain(where, got="pool_strings", expected="pool_int64s"))
    words = as_array(x)
    if words.ndim not in (1, 2):
        where = f"{node.op} ({node.name})"
        raise ShapeError(explain(where, got=f"input {words.shape}", expected="(C) or (N, C)"))
    places = node["ngram_indexes"]
    pool = {gram: i for i, gram in enumerate(_pool(node))}
    if len(pool) != len(places):
        raise _wrong(node, f"{len(places)} ngram_indexes", f"one for each of {len(pool)} n-grams")
    if min(places, default=0) < 0:
        raise _wrong(node, f"ngram_indexes {places}", "places >= 0")
    counts = np.zeros((words.size // max(words.shape[-1], 1), max(places, default=-1) + 1))
    for row, sequence in zip(counts, words.reshape(-1, words.shape[-1]).tolist(), strict=True):
        for gram in _grams(node, sequence):
            if gram in pool:
                row[places[pool[gram]]] += 1
    found = _weighed(node, counts, places)
    return wrap(found.reshape(*words.shape[:-1], found.shape[1]).astype(np.float32))


def _pool(node: Node) -> Iterator[tuple[int, ...]]:
    """Yield the n-grams of the pool: those of one number, of two, and so on."""
    pool, starts = node.get("pool_int64s") or [], [*node["ngram_counts"]]
    if sorted(starts) != starts or any(not 0 <= s <= len(pool) for s in starts):
        raise _wrong(node, f"ngram_counts {starts} of {len(pool)} numbers", "rising starts")
    for n, (start, end) in enumerate(zip(starts, [*starts[1:], len(pool)], strict=True), 1):
        if (end - start) % n:
            raise _wrong(node, f"{end - start} numbers for {n}-grams", f"a multiple of {n}")
        for k in range(start, end, n):
            yield tuple(pool[k : k + n])


def _grams(node: Node, sequence: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield the n-grams of a sequence, with up to `max_skip_count` numbers between neighbours."""
    for n in range(node["min_gram_length"], node["max_gram_length"] + 1):
        for step in range(1, (node["max_skip_count"] if n > 1 else 0) + 2):
            for start in range(len(sequence) - step * (n - 1)):
                yield tuple(sequence[start : start + step * (n - 1) + 1 : step])


def _weighed(node: Node, counts: Any, places: list[int]) -> Any:
    mode, weights = node["mode"], node.get("weights")
    if mode not in ("TF", "IDF", "TFIDF"):
        raise _wrong(node, f"mode={mode!r}", "'TF', 'IDF' or 'TFIDF'")
    if mode == "TF" or not weights:
        return counts if mode != "IDF" else (counts > 0).astype(counts.dtype)
    if len(weights) != len(places):
        raise _wrong(node, f"{len(weights)} weights", f"one for each of {len(places)} n-grams")
    each = np.ones(counts.shape[1])
    each[places] = weights
    return (counts if mode == "TFIDF" else counts > 0) * each
