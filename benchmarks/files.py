"""Seconds and memory that a large file of tensors costs until one tensor of it has been used.

    python benchmarks/files.py [--megabytes 500] [--rounds 5]

Each round is a fresh process (of Linux): the library is imported, then the file is opened and one
tensor summed; what a first `load` still imports counts.
Beside torch, which maps the file too (`mmap=True`), where it is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import rushlight as rl

READ = """
import sys, time
import {library} as library

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before, start = peak(), time.perf_counter()
state = library.load(sys.argv[1]{options})
state["layer7.weight"].sum().item()
print(time.perf_counter() - start, (peak() - before) / 1024)
"""


def measure(path: Path, library: str, options: str, rounds: int) -> tuple[float, float]:
    """Return the least seconds, and the most megabytes, of several processes."""
    program = READ.replace("{library}", library).replace("{options}", options)
    command = [sys.executable, "-c", program, str(path)]
    answers = [subprocess.check_output(command, text=True).split() for _ in range(rounds)]
    return min(float(a) for a, _ in answers), max(float(b) for _, b in answers)


def main() -> None:
    """Write the files, read them and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    count = max(8, given.megabytes // 4)
    state = {f"layer{i}.weight": rl.zeros(1000, 1000) for i in range(count)}
    print(f"{'file':30}{'seconds':>10}{'megabytes':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("model.pt", "model.safetensors"):
            path = Path(folder, name)
            rl.save(state, path)
            readers = [("rushlight", "", ""), ("rushlight", ", mmap=True", "mapped")]
            if name == "model.pt" and find_spec("torch"):
                readers.append(("torch", ", mmap=True", "mapped"))
            for library, options, how in readers:
                seconds, megabytes = measure(path, library, options, given.rounds)
                print(f"{f'{name} {library} {how}':30}{seconds:10.3f}{megabytes:12.0f}", flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
