"""ONNX's own backend tests, run against Rushlight, and what is to be expected of them.

A test belongs to a category that is excluded by what its model contains, not by its name. Of all
others those that fail are listed below, each with its reason; `tests/onnx/test_backend.py` fails if
one of them passes, and if one that is not listed fails. `python -m tests.onnx.suite PART ...` runs
those of which the names have a part.
"""

from __future__ import annotations

import os
import unittest
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache

from onnx.backend.test import BackendTest
from onnx.backend.test.loader import load_model_tests

import onnx
from onnx import TensorProto
from rushlight.onnx.load.backend import RushlightBackend

VERSION = "1.23"  # of the package onnx: each brings other tests
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
_TITLES = {
    "node": "NodeModel",
    "simple": "SimpleModel",
    "pytorch-converted": "PyTorchConvertedModel",
    "pytorch-operator": "PyTorchOperatorModel",
}

# of each kind: all tests, those of excluded categories, and those that fail of the rest
COUNTS = {
    "node": (1884, 288, 28),
    "simple": (23, 16, 0),
    "pytorch-converted": (82, 0, 0),
    "pytorch-operator": (35, 0, 0),
}

# ---- what is excluded, by category

CATEGORIES = {
    "training-only": "gradients and optimizers as nodes of a graph",
    "string": "strings as elements of tensors",
    "sequence": "lists of tensors",
    "optional": "values that may be absent",
    "quantized": "integer arithmetic with scales, and float8, float4, int4 and int2 elements",
    "complex": "complex elements",
    "control flow": "If, Loop and Scan",
}
_OPERATORS = {
    "QuantizeLinear": "quantized",
    "DequantizeLinear": "quantized",
    "DynamicQuantizeLinear": "quantized",
    "QLinearConv": "quantized",
    "QLinearMatMul": "quantized",
    "ConvInteger": "quantized",
    "MatMulInteger": "quantized",
    "If": "control flow",
    "Loop": "control flow",
    "Scan": "control flow",
    "SequenceMap": "sequence",
    "ConcatFromSequence": "sequence",
    "SplitToSequence": "sequence",
    "SequenceAt": "sequence",
    "SequenceConstruct": "sequence",
    "SequenceEmpty": "sequence",
    "SequenceErase": "sequence",
    "SequenceInsert": "sequence",
    "SequenceLength": "sequence",
    "OptionalHasElement": "optional",
    "OptionalGetElement": "optional",
    "Optional": "optional",
}
_TYPES = {
    TensorProto.STRING: "string",
    TensorProto.COMPLEX64: "complex",
    TensorProto.COMPLEX128: "complex",
    **{
        number: "quantized"
        for name, number in TensorProto.DataType.items()
        if name.startswith(("FLOAT8", "FLOAT6", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2"))
    },
}

# ---- what fails of the rest, and why

REASONS = {
    "random": "random numbers, which the test expects from NumPy's generator",
    "size": "the test takes the output to have 2.4 or 3.2 places, where it has 2 or 3",
    "graph": "graphs as attributes are not supported, as in control flow",
    "picture": "decoding pictures is no work of a network",
    "tree": "trees are no work of a network",
}
LEFT_OUT = {"random"}  # not run at all: now and then one passes by chance
KNOWN = {
    **dict.fromkeys(
        (
            "test_bernoulli",
            "test_bernoulli_double",
            "test_bernoulli_double_expanded",
            "test_bernoulli_expanded",
            "test_bernoulli_seed",
            "test_bernoulli_seed_expanded",
            "test_training_dropout",
            "test_training_dropout_default",
            "test_training_dropout_default_mask",
            "test_training_dropout_mask",
        ),
        "random",
    ),
    "test_resize_downsample_scales_cubic_align_corners": "size",
    "test_resize_downsample_scales_linear_align_corners": "size",
    "test_flexattention_causal_mask": "graph",
    "test_flexattention_prob_mod": "graph",
    "test_flexattention_relative_positional": "graph",
    "test_flexattention_score_mod": "graph",
    "test_flexattention_soft_cap": "graph",
    "test_image_decoder_decode_bmp_rgb": "picture",
    "test_image_decoder_decode_jpeg2k_rgb": "picture",
    "test_image_decoder_decode_jpeg_bgr": "picture",
    "test_image_decoder_decode_jpeg_grayscale": "picture",
    "test_image_decoder_decode_jpeg_rgb": "picture",
    "test_image_decoder_decode_png_rgb": "picture",
    "test_image_decoder_decode_pnm_rgb": "picture",
    "test_image_decoder_decode_tiff_rgb": "picture",
    "test_image_decoder_decode_webp_rgb": "picture",
    "test_ai_onnx_ml_tree_ensemble_set_membership": "tree",
    "test_ai_onnx_ml_tree_ensemble_single_tree": "tree",
}


@dataclass(frozen=True)
class Case:
    """One test of the suite: its kind, its name there, and the category that excludes it, or ''."""

    kind: str
    name: str
    category: str


def category(model: onnx.ModelProto) -> str:
    """Return the category that excludes a model, by its operators and its types; '' for none."""
    found = set()
    for node in model.graph.node:
        if node.domain == "ai.onnx.preview.training":
            found.add("training-only")
        if node.op_type in _OPERATORS:
            found.add(_OPERATORS[node.op_type])
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype", "output_dtype"):
                found.add(_TYPES.get(attribute.i, ""))
            found.add(_TYPES.get(attribute.t.data_type, ""))
    ports = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    for port in ports:
        kind = port.type.WhichOneof("value")
        if kind in ("sequence_type", "optional_type"):
            found.add(kind.removesuffix("_type"))
        found.add(_TYPES.get(port.type.tensor_type.elem_type, ""))
    found |= {_TYPES.get(tensor.data_type, "") for tensor in model.graph.initializer}
    return next((name for name in CATEGORIES if name in found), "")


@cache
def cases() -> tuple[Case, ...]:
    """Return all cases of the four kinds, in a fixed order."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suite makes infinities as it is made
        for kind in KINDS:
            for test in load_model_tests(kind=kind):
                model = test.model or onnx.load(os.path.join(test.model_dir, "model.onnx"))
                found.append(Case(kind, test.name, category(model)))
    return tuple(sorted(found, key=lambda case: (KINDS.index(case.kind), case.name)))


@cache
def _runner() -> dict[str, type[unittest.TestCase]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, type[unittest.TestCase]] = BackendTest(
            RushlightBackend, __name__
        ).test_cases
    return found


def outcome(case: Case) -> str:
    """Run a case as the suite does; return '' if it passes, else what went wrong, in a line."""
    name = f"{case.name}_cpu"
    test = _runner()[f"OnnxBackend{_TITLES[case.kind]}Test"](name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            getattr(test, name)()
    except Exception as error:
        text = " ".join(str(error).split())
        return f"{type(error).__name__}: {text}"[:300]
    return ""


def main() -> None:
    """Print what fails of what is not excluded; arguments choose by parts of names."""
    import sys

    chosen = [c for c in cases() if not c.category]
    if sys.argv[1:]:
        chosen = [c for c in chosen if any(part in c.name for part in sys.argv[1:])]
    counts: Counter[str] = Counter()
    for case in chosen:
        found = outcome(case)
        counts["failed" if found else "passed"] += 1
        if found:
            print(f"{case.kind} {case.name}: {found}")
    print(dict(counts), "excluded", Counter(c.category for c in cases()))


if __name__ == "__main__":
    main()
