"""A rank that fails ends the job, everywhere, and is named; started by `mpiexec`."""

from __future__ import annotations

import os
import re
import time

import pytest
from tests.distributed.launch import start

from rushlight.comm.faults import silence

# each is a job: all of them on request, as a job takes some seconds
ALL = os.environ.get("RUSHLIGHT_FAULTS") == "all"


def run(kind, victim=1, ranks=3, **env):
    """Return (exit status, what was said, rank -> process)."""
    args = ("-W", "error", "-m", "tests.comm.faulty", kind, str(victim))
    ended = start(ranks, *args, env=env)
    who = {int(rank): int(pid) for rank, pid in re.findall(r"(\d+) is (\d+)", ended.stderr)}
    return ended.returncode, ended.stderr + ended.stdout, who


def ended_by_launcher(code, said, who):
    """Tell whether mpiexec ended the job itself, as that of Open MPI does at once, and check it."""
    found = "prterun" in said
    assert not found or (code != 0 and gone(who))
    return found


def gone(who):
    """Tell whether no process of the job is left, waiting a little for the kernel."""
    stop = time.monotonic() + 10
    while time.monotonic() < stop:
        left = [pid for pid in who.values() if os.path.exists(f"/proc/{pid}/environ")]
        if not left:
            return True
        time.sleep(0.1)
    return False


def test_a_job_without_faults_ends_well_and_says_only_who_is_who():
    code, said, who = run("fine", victim=2)
    assert code == 0
    assert sorted(who) == [0, 1, 2]
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("victim", [0, 2] if ALL else [2])
def test_a_rank_that_raises_ends_all(victim):
    code, said, who = run("raise", victim)
    assert code == 1
    assert f"rushlight: rank {victim} of 3 (process {who[victim]} on " in said
    assert said.count(f"ValueError: a failure on rank {victim}") == 1
    assert "faulty.py" in said
    assert said.count("Traceback") == 1
    assert gone(who)


def test_a_rank_that_raises_before_it_joins_ends_all():
    code, said, who = run("early raise", 1, ranks=2)
    assert said.count("Traceback") == 1 and "ValueError: a failure on rank 1" in said
    if ended_by_launcher(code, said, who):
        return
    assert code == 1
    assert f"rank 1 of 2 (process {who[1]} on " in said
    assert "failed before it had joined the job: ValueError: a failure on rank 1" in said
    assert "faulty.py" in said
    assert gone(who)


def test_ranks_that_all_raise_are_told_of_once():
    code, said, who = run("all")
    assert code == 1
    assert said.count("Traceback") == 1
    assert "rushlight: so did rank" in said
    assert gone(who)


@pytest.mark.parametrize(("kind", "where"), [("leave", "all_reduce"), ("early leave", "join")])
def test_a_rank_that_leaves_while_others_wait_for_it_ends_all(kind, where):
    code, said, who = run(kind)
    if kind == "early leave" and ended_by_launcher(code, said, who):
        return
    assert code == 1
    assert re.search(r"rank 1 of 3 \(process \d+ on .*\) ended its program, while rank [02]", said)
    assert f"in {where}" in said
    assert gone(who)


@pytest.mark.parametrize("victim", [0, 1, 2] if ALL else [2])
def test_a_rank_that_is_killed_ends_all_and_is_named(victim):
    code, said, who = run("SIGKILL", victim)
    assert code != 0
    assert f"rank {victim} of 3 (process {who[victim]} on " in said
    assert said.count("the job ends") == 1
    assert gone(who)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("leave", r"rank 1 of 2 .* ended its program, while rank 0 waits for it(.|\n)* in wait\n"),
        ("SIGKILL", r"rank 1 of 2 .* was killed"),
        ("other", r"rank \d of 2 .* calls '(all_reduce.*|barrier)' where rank \d calls"),
    ],
)
def test_faults_of_two_ranks_that_see_one_memory(kind, told):
    code, said, who = run(kind, ranks=2)
    assert code != 0
    assert re.search(told, said), said
    assert gone(who)


def test_ranks_that_make_different_calls_are_told_of():
    code, said, who = run("other")
    assert code == 1
    assert re.search(r"rank \d of 3 .* calls '(all_reduce.*|barrier)' where rank \d calls", said)
    assert gone(who)


def test_a_mistake_on_the_command_line_is_told_once():
    pytest.importorskip("typer")
    ended = start(3, "-m", "rushlight", "train", "mnist", "--epochs", "x")
    assert ended.returncode == 2
    assert ended.stderr.count("got 'x'") == 1
    assert "Traceback" not in ended.stderr and "BAD TERMINATION" not in ended.stderr


@pytest.mark.parametrize("victim", [0, 1] if ALL else [0])
def test_a_rank_that_stands_still_ends_all_and_tells_where_it_was(victim):
    code, said, who = run("SIGSTOP", victim, ranks=2, RUSHLIGHT_HEARTBEAT="5")
    assert code == 1
    assert f"rank {victim} of 2 (process {who[victim]} on " in said
    assert "has not answered for" in said
    assert "It was seen last at:" in said
    assert "faulty.py" in said
    assert gone(who)


@pytest.mark.parametrize("asked", ["soon", "-1", "1", "nan", "inf"])
def test_no_other_silence(asked, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_HEARTBEAT", asked)
    with pytest.raises(ValueError, match=r"RUSHLIGHT_HEARTBEAT.*at least 5 seconds"):
        silence()


def test_silence_is_off_at_zero(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_HEARTBEAT", "0")
    assert silence() == 0
