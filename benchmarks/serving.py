"""A trained net served by NumPy alone, Rushlight, onnxruntime and torch: start, speed, size.

    python benchmarks/serving.py RUN [--write docs/serving.md] [--rounds 5]

RUN is the folder of `rushlight train mnist`. Each way of serving runs in a process of its own, one
after the other and all of them again in each round; the table has the medians of the rounds. What
is not installed is left out. All use the threads that they use by default.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from memory import peak

KINDS = {
    "numpy": "NumPy export",
    "int8": "NumPy export, int8",
    "int8w": "NumPy export, int8 weights only",
    "rushlight": "Rushlight",
    "onnx": "onnxruntime",
    "torch": "torch",
    "script": "torch, TorchScript frozen",
}
NEEDS = {
    "numpy": ["numpy"], "int8": ["numpy"], "int8w": ["numpy"], "rushlight": ["numpy", "scipy"],
    "onnx": ["onnxruntime"], "torch": ["torch", "numpy"], "script": ["torch", "numpy"],
}  # fmt: skip
BATCH = 256


# ---- what runs in a process of its own


def opened(kind: str, folder: pathlib.Path) -> Callable[[Any], Any]:
    """Return predict of one way of serving; its imports are part of the start."""
    if kind in ("numpy", "int8", "int8w"):
        sys.path.insert(0, str(folder / kind))
        import model

        found: Callable[[Any], Any] = model.predict
        return found
    if kind == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "net.onnx"))
        return lambda x: session.run(None, {"x": x})[0]
    if kind == "rushlight":
        import rushlight as rl
        from rushlight import nn

        net = made(nn, folder)
        net.load_state_dict(rl.load(folder / "net.safetensors"))
        net.eval()

        def predict(x: Any) -> Any:
            with rl.no_grad():
                return net(rl.from_numpy(x)).numpy()

        return predict
    import torch

    torch.set_grad_enabled(False)
    if kind == "script":
        script = torch.jit.load(str(folder / "net.script"))
        return lambda x: script(torch.from_numpy(x)).numpy()
    twin = made(torch.nn, folder)
    twin.load_state_dict(torch.load(folder / "net.torch", weights_only=True))
    twin.eval()
    return lambda x: twin(torch.from_numpy(x)).numpy()


def made(nn: Any, folder: pathlib.Path) -> Any:
    """Make the layers of a Sequential from their reprs, which are the same in both libraries."""
    layers = json.loads((folder / "layers.json").read_text())
    return nn.Sequential(*(eval(f"nn.{text}", {"nn": nn}) for text in layers))


def work(kind: str, folder: pathlib.Path, started: float) -> None:
    """Print what one process measures, as JSON."""
    predict = opened(kind, folder)
    one = np.load(folder / "one.npy")
    predict(one)
    found: dict[str, Any] = {"start": time.time() - started}
    digits = np.load(folder / "digits.npy", mmap_mode="r")
    batch = np.ascontiguousarray(digits[:BATCH])
    found["single"] = quickest(lambda: predict(one), 300)
    found["batch"] = quickest(lambda: predict(batch), 30) / BATCH
    found["memory"] = peak()
    outputs = [
        np.asarray(predict(np.ascontiguousarray(digits[i : i + BATCH]))).argmax(1)
        for i in range(0, len(digits), BATCH)
    ]
    found["digits"] = np.concatenate(outputs).tolist()
    print(json.dumps(found))


def quickest(f: Callable[[], Any], times: int) -> float:
    """Return the median seconds of calls, after a few that warm up."""
    for _ in range(5):
        f()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        f()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


# ---- what prepares


def prepare(run: pathlib.Path, folder: pathlib.Path) -> tuple[list[str], Any, Any]:
    """Write the net in all forms; return those there are, and the digits with their labels."""
    import rushlight as rl
    from rushlight.cli.recipes import finished
    from rushlight.cli.train import recipe_named

    _, opened_run = finished.open_run(run, recipe_named)
    net = opened_run.trainer.model
    for kind, options in (("numpy", []), ("int8", ["--int8"]), ("int8w", ["--int8-weights-only"])):
        command = ["export", str(run), "--out", str(folder / kind), *options]
        subprocess.run([sys.executable, "-m", "rushlight", *command], check=True)
    rl.save(net.state_dict(), folder / "net.safetensors")
    (folder / "layers.json").write_text(json.dumps([repr(layer) for layer in net]))
    tested = opened_run.data.test.open(final=True)
    pairs = [tested[i] for i in range(len(tested))]
    x = np.stack([np.asarray(a, np.float32) for a, _ in pairs])
    labels = np.array([int(b) for _, b in pairs])
    np.save(folder / "digits.npy", x)
    np.save(folder / "one.npy", x[:1])
    kinds = [
        "numpy",
        "int8",
        "int8w",
        "rushlight",
        *onnx_form(run, folder),
        *torch_forms(net, folder),
    ]
    return kinds, net, labels


def onnx_form(run: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Write the ONNX file, where that can be done."""
    command = ["export", str(run), "--format", "onnx", "--out", str(folder / "net.onnx")]
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", *command], capture_output=True, text=True
    )
    if done.returncode:
        print(f"onnxruntime is left out: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
    return [] if done.returncode else ["onnx"]


def torch_forms(net: Any, folder: pathlib.Path) -> list[str]:
    """Write torch's state and its frozen script, where torch is installed."""
    try:
        import torch
    except ImportError:
        print("torch is left out: it is not installed", file=sys.stderr)
        return []
    twin = made(torch.nn, folder).eval()
    state = net.state_dict()
    twin.load_state_dict({name: torch.tensor(np.asarray(t.numpy())) for name, t in state.items()})
    torch.save(twin.state_dict(), folder / "net.torch")
    one = torch.from_numpy(np.load(folder / "one.npy"))
    with torch.no_grad():
        script = torch.jit.freeze(torch.jit.trace(twin, one))
    torch.jit.save(script, str(folder / "net.script"))
    return ["torch", "script"]


# ---- sizes


def packages(names: list[str]) -> set[str]:
    """Return packages with all that they require."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = re.split(r"[\s;<>=!~\[(]", left.pop())[0]
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        key = distribution.metadata["Name"].lower()
        if key not in found:
            found.add(key)
            left += [text for text in distribution.requires or [] if "extra ==" not in text]
    return found


def installed_size(kind: str) -> float:
    """Return the megabytes of the packages that a way of serving needs."""
    total = 0
    for name in packages(NEEDS[kind]):
        for file in importlib.metadata.distribution(name).files or []:
            path = pathlib.Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
    if kind == "rushlight":
        import rushlight

        total += folder_size(pathlib.Path(rushlight.__file__).parent)
    return total / 1e6


def folder_size(folder: pathlib.Path) -> int:
    """Return the bytes of a folder, or of a file."""
    if folder.is_file():
        return folder.stat().st_size
    files = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sum(p.stat().st_size for p in files)


FORMS = {
    "rushlight": "net.safetensors",
    "onnx": "net.onnx",
    "torch": "net.torch",
    "script": "net.script",
}


# ---- the table


def measure(kinds: list[str], folder: pathlib.Path, rounds: int) -> dict[str, dict[str, Any]]:
    """Return for each way the medians of the rounds."""
    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds:
            print(f"round {number + 1} of {rounds}: {KINDS[kind]}", file=sys.stderr)
            command = [sys.executable, __file__, "--worker", kind, str(folder), str(time.time())]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seen[kind].append(json.loads(done.stdout.splitlines()[-1]))
    figures = ("start", "single", "batch", "memory")
    return {
        kind: {f: statistics.median(row[f] for row in rows) for f in figures}
        | {"digits": rows[0]["digits"], "model": folder_size(folder / FORMS.get(kind, kind)) / 1e3,
           "installed": installed_size(kind)}
        for kind, rows in seen.items()
    }  # fmt: skip


def table(found: dict[str, dict[str, Any]], labels: Any) -> Iterator[str]:
    """Yield the lines of the table and what stands below it."""
    yield (
        "| | start, s | one image, µs | images/s, batches of 256 | memory, MB | model, KB | "
        "packages, MB | test accuracy | same as Rushlight |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    right = np.array(found["rushlight"]["digits"])
    for kind, row in found.items():
        digits = np.array(row["digits"])
        same = int((digits == right).sum())
        yield (
            f"| {KINDS[kind]} | {row['start']:.2f} | {row['single'] * 1e6:,.0f} | "
            f"{1 / row['batch']:,.0f} | {row['memory']:,.0f} | {row['model']:,.0f} | "
            f"{row['installed']:,.0f} | {100 * (digits == labels).mean():.2f} % | "
            f"{same:,} of {len(right):,} |"
        )
    yield ""
    versions = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scipy", "onnxruntime", "torch"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    yield f"{', '.join(versions)}; {processor()}, {os.cpu_count()} cores; threads: {threads()}."


def processor() -> str:
    """Return what the machine calls its processor, or its architecture."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):  # not Linux, or not x86
        return platform.processor() or platform.machine()


def threads() -> str:
    """Return the limits on threads that stood in the environment."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RUSHLIGHT_NUM_THREADS")
    told = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return ", ".join(told) or "each its default"


def main() -> None:
    """Measure, print, and write where that is asked."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], pathlib.Path(sys.argv[3]), float(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="the folder of `rushlight train mnist`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--write", type=pathlib.Path, metavar="PAGE", help="such as docs/serving.md"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds, _, labels = prepare(given.run.resolve(), pathlib.Path(folder))
        found = measure(kinds, pathlib.Path(folder), given.rounds)
        lines = list(table(found, labels))
    print("\n".join(lines))
    if given.write:
        from pages import replace_section  # not at the top: processes whose start is timed run this

        replace_section(given.write, "serving", lines)


if __name__ == "__main__":
    main()
