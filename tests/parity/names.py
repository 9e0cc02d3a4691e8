"""The page docs/functions.md: which of torch's function names there are here.

`python -m tests.parity.names` prints it, `--write` renews the page, `--check` compares.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.overrides import get_overridable_functions

import rushlight as rl

__all__ = ["page"]

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"

HEAD = """# Names of torch's functions

Made by `python -m tests.parity.names --write` with torch {version}; CI fails when it is not
current. Do not edit.

The names are those that torch documents or lets be overridden (`torch.overrides`), without leading
underscores. A name that is here means what it means in torch: its arguments, or an error that
names what is not supported.
"""

# what is left out, and why; the first pattern that a whole name matches counts
REASONS = (
    (
        "quantized tensors",
        r"(?!nan).*quant.*|q_.*|qscheme|int_repr|choose_qparams.*|.*fbgemm.*|fused_moving_.*",
    ),
    (
        "sparse and nested tensors",
        r".*sparse.*|.*coalesce.*|c?(col|row|crow)_indices.*|indices.*|values.*|hspmm|hsmm|smm|spmm"
        r"|sspaddmm|saddmm|dsmm|dense_dim|to_dense|index$|to_mkldnn|.*_nested.*",
    ),
    (
        "complex numbers",
        r".*complex.*|.*conj.*|real|imag|angle|polar|is_neg|resolve_neg|isreal|c(double|float)|chalf"
        r"|i?stft|i?r?h?fft.*|i?hfft.*|eig|eigvals|sgn_?|mH|H|adjoint|lobpcg|geqrf|.*_window",
    ),
    (
        "other devices, storage and distribution",
        r"miopen_.*|cudnn.*|mkldnn.*|ipu|xpu|mtia|hpu|cuda|pin_memory|is_pinned|record_stream|share_memory_"
        r"|is_shared|is_distributed|get_device|.*storage.*|set_|is_set_to|const_data_ptr|data_ptr|autocast"
        r"|resize.*|dim_order|module_load|hash_tensor|map2?_|bfloat16|.*grouped_mm|scaled_mm|sym_.*",
    ),
    (
        "torch's internals and deprecated names",
        r"native_.*|(?!index_).*_copy|batch_norm_(backward|elemt|gather|stats|update).*|unsafe_.*|slice_inverse"
        r"|.*_backward.*|constant_pad_nd|convolution|norm_except_dim|nonzero_static|affine_grid_generator"
        r"|grid_sampler.*|.*handle_torch_function|has_torch_function.*|boolean_dispatch|assert_int_or_pair"
        r"|feature_dropout|chain_matmul|ger|qr|svd|lu.*|triangular_solve|orgqr|ormqr|pinverse|dequantize"
        r"|.*_cell|rnn_.*|lstm|gru|rsub|as_strided.*|(frobenius|nuclear)_norm|split_with_sizes"
        r"|is_same_size|cholesky.*|volatile|log_sigmoid|is_inference",
    ),
)


def _spaces() -> Iterator[tuple[str, Any, Any]]:
    for path in ("", "nn.functional", "linalg", "special", "fft"):
        theirs = importlib.import_module(f"torch.{path}".rstrip("."))
        yield f"torch.{path}".rstrip("."), theirs, _ours(path)
    yield "torch.Tensor", torch.Tensor, rl.Tensor


def _ours(path: str) -> Any:
    found: Any = rl
    for part in filter(None, path.split(".")):
        found = getattr(found, part, None)
    return found


def _names() -> dict[Any, set[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_overridable_functions()
    names = {
        space: {_bare(f.__name__) for f in functions if hasattr(f, "__name__")}
        for space, functions in found.items()
    }
    names[torch] |= names.pop(torch.functional)
    return names


def _bare(name: str) -> str:
    """Drop the prefix that torch's functions of these name spaces bear."""
    return re.sub("^(linalg|special|fft)_", "", name)


def page() -> str:
    """Return the page."""
    names = _names()
    parts = [HEAD.format(version=torch.__version__.partition("+")[0])]
    rows, lists = [], []
    for title, theirs, mine in _spaces():
        public = sorted(n for n in names[theirs] if not n.startswith("_") and hasattr(theirs, n))
        here = [n for n in public if hasattr(mine, n)]
        absent = [n for n in public if n not in here]
        rows.append(f"| `{title}` | {len(public)} | {len(here)} | {len(absent)} |")
        lists += [f"## {title}\n", "Here: " + _join(here)]
        lists += [f"Not here, {why}: {_join(left)}" for why, left in _sorted(absent) if left]
    table = "\n".join(["| where | names in torch | here | not here |", "|---|---|---|---|", *rows])
    return "\n".join([*parts, table + "\n", *lists])


def _join(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) + ".\n" if names else "none.\n"


def _sorted(absent: list[str]) -> list[tuple[str, list[str]]]:
    """Put the names that are not here under their reasons."""
    left: dict[str, list[str]] = {why: [] for why, _ in REASONS} | {"not built": []}
    for name in absent:
        why = next((why for why, p in REASONS if re.fullmatch(p, name)), "not built")
        left[why].append(name)
    return list(left.items())


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity.names", description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    made = page()
    if args.write:
        PAGE.write_text(made, encoding="utf-8")
    elif not args.check:
        print(made)
    if args.check and PAGE.read_text(encoding="utf-8") != made:
        print(f"{PAGE.name} is not current: python -m tests.parity.names --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
