"""Starts checks in several processes: `mpiexec -n N python -m tests.distributed.MODULE`."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}

Check = Callable[[Any], None]


def mpiexec() -> str:
    """Return the mpiexec that belongs to this Python, or skip the test."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    beside = pathlib.Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("there is no mpiexec")
    return found


def start(ranks: int, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in so many processes, and return how that ended."""
    env = os.environ | ENVIRONMENT | options.pop("env", {})
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [mpiexec(), "-n", str(ranks), sys.executable, *args]
    options = {"cwd": ROOT, "timeout": 180, "capture_output": True, "text": True} | options
    return subprocess.run(command, env=env, check=False, **options)


@functools.cache
def results(module: str, ranks: int) -> list[dict[str, str]]:
    """Run all checks of a module in so many processes, once; return what each rank found."""
    with tempfile.TemporaryDirectory() as folder:
        ended = start(ranks, "-W", "error", "-m", module, folder)
        files = [pathlib.Path(folder, f"{rank}.json") for rank in range(ranks)]
        if ended.returncode or not all(file.exists() for file in files):
            raise RuntimeError(f"{module} on {ranks} ranks:\n{ended.stdout}\n{ended.stderr}")
        return [json.loads(file.read_text()) for file in files]


def expect(module: str, ranks: int, name: str) -> None:
    """Fail with the traceback of the ranks on which a check has failed."""
    failed = [
        f"rank {rank}:\n{found[name]}"
        for rank, found in enumerate(results(module, ranks))
        if found[name] != "passed"
    ]
    if failed:
        pytest.fail("\n".join(failed))


def main(checks: dict[str, Check]) -> None:
    """Run the checks in this process, one of several, and write what came of them."""
    from rushlight import comm

    joined = comm.current()
    found = {}
    for name, check in checks.items():
        try:
            check(joined)
            found[name] = "passed"
        except BaseException:
            found[name] = traceback.format_exc()
    pathlib.Path(sys.argv[1], f"{joined.rank}.json").write_text(json.dumps(found))


def collect(namespace: dict[str, Any]) -> dict[str, Check]:
    """Return the functions check_NAME of a module, by NAME, in their order."""
    return {
        name.removeprefix("check_"): function
        for name, function in namespace.items()
        if name.startswith("check_")
    }
