"""A job that loses a rank in the middle of an epoch goes on with any number of ranks."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from tests.distributed.launch import ENVIRONMENT, ROOT, mpiexec, start

MODULE = "tests.distributed.resumed"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the losses of one process that nobody kills."""
    mpiexec()  # or skip
    folder = tmp_path_factory.mktemp("whole")
    command = [sys.executable, "-m", MODULE, str(folder), "0", "0"]
    env = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **ENVIRONMENT}
    subprocess.run(command, check=True, cwd=ROOT, env=env, timeout=120)
    return json.loads(pathlib.Path(folder, "losses.json").read_text())


@pytest.mark.parametrize(("before", "victim", "after"), [(4, 1, 2), (2, 0, 3)])
def test_killed_within_an_epoch_and_resumed_on_another_count(
    before, victim, after, whole, tmp_path
):
    # batch 11 lies in the second of four epochs, the checkpoint behind step 9
    killed = start(before, "-m", MODULE, str(tmp_path), str(victim), "11", umask=0o077)
    assert killed.returncode != 0
    assert not (tmp_path / "losses.json").exists()
    assert list(tmp_path.iterdir()), "no checkpoint was written"
    for path in tmp_path.rglob("*"):  # no file has more than the umask leaves
        assert not path.stat().st_mode & 0o077, path
    ended = start(after, "-m", MODULE, str(tmp_path), "0", "0")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    losses = json.loads((tmp_path / "losses.json").read_text())
    assert len(losses) == 4
    np.testing.assert_allclose(losses, whole, rtol=1e-12)
