"""Counts of n-grams beside onnxruntime's; errors."""

from typing import Any

import numpy as np
import pytest
from tests.onnx.load.cases import Case, agree, case, run

pytest.importorskip("onnx")

WORDS = np.array([[1, 1, 3, 3, 3, 7], [8, 6, 7, 5, 6, 8]], np.int32)
POOL: dict[str, Any] = {
    "ngram_counts": [0, 4],
    "ngram_indexes": [0, 1, 2, 3, 4, 5, 6],
    "pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7],
    "min_gram_length": 1,
    "max_gram_length": 2,
    "max_skip_count": 1,
    "mode": "TF",
}
WEIGHTS = [0.5, 2.0, 3.0, 1.0, 4.0, 0.25, 7.0]


@pytest.mark.parametrize("words", [WORDS, WORDS[0], WORDS.astype(np.int64)])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"max_skip_count": 5, "min_gram_length": 2},
        {"mode": "IDF", "weights": WEIGHTS},
        {"mode": "TFIDF", "weights": WEIGHTS},
        {"ngram_indexes": [6, 0, 3, 1, 2, 5, 9]},
    ],
)
def test_agrees_with_onnxruntime(words: np.ndarray, more: dict[str, Any]) -> None:
    agree(case("TfIdfVectorizer", 9, words, **{**POOL, **more}))


@pytest.mark.parametrize(
    "node, message",
    [
        (case("TfIdfVectorizer", 9, WORDS, **{**POOL, "mode": "DF"}), "mode='DF'"),
        (case("TfIdfVectorizer", 9, WORDS, **{**POOL, "ngram_indexes": [0]}), "1 ngram_indexes"),
        (case("TfIdfVectorizer", 9, WORDS, **{**POOL, "ngram_counts": [0, 99]}), "rising starts"),
        (case("TfIdfVectorizer", 9, WORDS, **{**POOL, "ngram_counts": [0, 5]}), "a multiple of 2"),
        (
            case("TfIdfVectorizer", 9, WORDS, **{**POOL, "mode": "IDF", "weights": [1.0]}),
            "1 weights",
        ),
        (case("TfIdfVectorizer", 9, WORDS[None], **POOL), r"\(C\) or \(N, C\)"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(node: Case, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(node)
