"""What `rushlight info` prints."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import warnings

from rushlight import kernels
from rushlight._version import __version__
from rushlight.compiled import CHOICE, missing, native
from rushlight.data import MNIST, SampleDataWarning
from rushlight.threads import blas_info, get_num_threads

__all__ = ["describe"]


def describe() -> str:
    """Return versions, extras, kernels, threads and data as lines of text."""
    rows = [
        ("rushlight", __version__),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
        ("numpy", importlib.metadata.version("numpy")),
        ("scipy", importlib.metadata.version("scipy")),
        *((f"extra {extra}", ", ".join(map(_found, names))) for extra, names in _extras().items()),
        *_kernels(),
        ("BLAS", _blas()),
        ("threads", str(get_num_threads())),
        ("MNIST", _mnist()),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _found(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} not installed"


def _extras() -> dict[str, list[str]]:
    """Return the packages of each extra, as the installed metadata states them."""
    extras: dict[str, list[str]] = {}
    try:
        required = importlib.metadata.requires("rushlight") or []
    except importlib.metadata.PackageNotFoundError:  # used without being installed
        required = []
    for line in required:
        match = re.match(r"([\w.-]+).*extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if match and match[1] != "rushlight" and match[2] not in ("all", "dev"):
            extras.setdefault(match[2], []).append(match[1])
    return extras


def _kernels() -> list[tuple[str, str]]:
    """Say what runs: the compiled kernels with their level, and what is left to NumPy."""
    if native is None:
        return [("kernels", f"all {len(kernels.names())} from numpy; no compiled ones ({missing})")]
    found: dict[str, list[str]] = {"native": [], "numpy": []}
    for name in kernels.names():
        found[kernels.source(name)].append(name)
    counts = ", ".join(f"{len(names)} from {source}" for source, names in found.items())
    return [
        ("kernels", f"{counts} (RUSHLIGHT_KERNELS={CHOICE})"),
        (f"native {native.level()}", ", ".join(found["native"]) or "-"),
        ("left to numpy", ", ".join(found["numpy"]) or "-"),
    ]


def _blas() -> str:
    found = [
        f"{pool['internal_api']} {pool.get('version') or ''} ({pool['num_threads']} threads)"
        for pool in blas_info()
    ]
    return ", ".join(found) or "unknown (threadpoolctl is not installed)"


def _mnist() -> str:
    """Say where MNIST would come from, without asking the net."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SampleDataWarning)
        try:
            digits = MNIST(train=True, download=False)
        except (OSError, ValueError) as error:
            return f"damaged: {error}"
    if digits.source == "sample":
        return f"only the bundled sample of {len(digits):,} images (training tries to download)"
    return f"{len(digits):,} training images, {digits.source}"
