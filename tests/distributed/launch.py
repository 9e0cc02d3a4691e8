"""Starts checks in several processes: `mpiexec -n N python -m tests.distributed.MODULE`."""

from __future__ import annotations

import atexit
import fcntl
import functools
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "HYDRA_IFACE": "lo",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}

Check = Callable[[Any], None]


def mpiexec() -> str:
    """Return the mpiexec that belongs to this Python, or skip the test."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    found = beside("mpiexec") or shutil.which("mpiexec")
    if found is None:
        pytest.skip("there is no mpiexec")
    return found


def beside(name: str) -> str | None:
    """Return a program that lies beside this Python."""
    path = pathlib.Path(sys.executable).parent / name
    return str(path) if path.exists() else None


@functools.cache
def launcher() -> tuple[str, ...]:
    """Return mpiexec so that its ports, which are open to all, are on a network of their own.

    Where the system allows no such network it is MPICH's gforker, which has no ports, or else
    mpiexec as it is.
    """
    alone = ("unshare", "-rn", sys.executable, str(ROOT / "tests/distributed/loopback.py"))
    found = mpiexec()
    if (
        shutil.which("unshare")
        and not subprocess.run([*alone, "true"], capture_output=True).returncode
    ):
        return (*alone, found)
    return (beside("mpiexec.gforker") or found,)


def start(ranks: int, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in so many processes, and return how that ended."""
    command = [*options.pop("by", launcher()), "-n", str(ranks), sys.executable, *args]
    options = {"cwd": ROOT, "timeout": 300, "capture_output": True, "text": True} | options
    env = environment() | options.pop("env", {})
    return subprocess.run(command, env=env, check=False, **options)


def environment() -> dict[str, str]:
    """Return what processes that are started find in their environment."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    # pytest's own, and what a test has set, is not theirs
    own = {name: value for name, value in os.environ.items() if name != "RUSHLIGHT_COMM"}
    return own | ENVIRONMENT | {"PYTHONPATH": path}


@functools.cache
def results(module: str, ranks: int) -> list[dict[str, str]]:
    """Run all checks of a module in so many processes, once; return what each rank found."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return _run(module, ranks)
    # the workers of a run start each job once
    shared = pathlib.Path(tempfile.gettempdir(), f"rushlight-{run}")
    shared.mkdir(mode=0o700, exist_ok=True)
    atexit.register(shutil.rmtree, shared, ignore_errors=True)
    with open(shared / f"{module}-{ranks}", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (text := file.read()):
            text = json.dumps(_run(module, ranks))
            file.write(text)
        found: list[dict[str, str]] = json.loads(text)
    return found


def _run(module: str, ranks: int) -> list[dict[str, str]]:
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
            print(found[name], file=sys.stderr)  # others may wait in vain, and the job end
    pathlib.Path(sys.argv[1], f"{joined.rank}.json").write_text(json.dumps(found))


def by_first(joined: Any, function: Callable[[], Any]) -> Any:
    """Return what a function finds on the first rank, as in one process.

    The others sleep meanwhile: where they wait in MPI, each keeps a core busy.
    """
    from rushlight import comm

    found = None
    if joined.first:
        with comm.alone():
            found = function()
    ready = joined.start_all_reduce(np.zeros(1))
    while not ready.test():
        time.sleep(0.01)
    return joined.broadcast_object(found)


def collect(namespace: dict[str, Any]) -> dict[str, Check]:
    """Return the functions check_NAME of a module, by NAME, in their order."""
    return {
        name.removeprefix("check_"): function
        for name, function in namespace.items()
        if name.startswith("check_")
    }
