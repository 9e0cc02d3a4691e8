"""Ranks that tell each other, once a second, that they live: a thread over MPI messages.

Every rank sends a beat to rank 0, and rank 0 one back. Nothing listens beside MPI itself, no file
is written. A beat says where the main thread of its rank is, so that of a rank that stops answering
it is known where it was seen last. A fault ends the job: rank 0 tells it once, and aborts.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import signal
import sys
import threading
import time
import traceback
from typing import Any

from rushlight.comm import calls, launch
from rushlight.comm.clock import Clock
from rushlight.comm.witness import Witness, possible

__all__ = ["Heartbeat"]

BEAT, FAULT, BYE, RAISED, ALL = range(1, 6)  # tags
EVERY = 1.0  # seconds between beats
FRAMES = 6  # of the main thread, innermost last
COLLECT = 1.0  # seconds in which other ranks may add that they failed, too
# where a rank waits for others
CALLS = {
    os.path.join(os.path.dirname(__file__), name) for name in ("mpi.py", "ordered.py", "shared.py")
}
STUCK = 8.0  # seconds in which a rank waits for one that has ended its program
MISSED = 1.5  # ... for one that has raised
LAST = 10.0  # seconds after which all ranks must have raised if one has

# what ranks send: {"rank", "pid", "host"}, with "text", or "frames", "waits" and "calls"
Message = dict[str, Any]


class Heartbeat:
    """The beats of one rank, and on rank 0 the list of who was heard when.

    Args:
        mpi: the module mpi4py.MPI.
        silence: seconds without a beat after which a rank counts as dead.
    """

    def __init__(self, mpi: Any, silence: float) -> None:
        self._mpi, self._silence = mpi, silence
        self._comm = mpi.COMM_WORLD.Dup()  # its messages meet no others
        self._comm.Set_errhandler(mpi.ERRORS_RETURN)
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self._others = range(1, self.size) if self.rank == 0 else range(1)
        self._clock = Clock(EVERY + silence / 4)
        self._heard = dict.fromkeys(self._others, self._clock.now)
        self._seen: dict[int, Message] = {}
        self._waiting: dict[int, tuple[Any, float]] = {}  # the call, and since when
        self._gone: set[int] = set()
        self._faults: list[Message] = []
        self._raisers: dict[int, tuple[Message, float]] = {}
        self._pending: dict[int, Any] = {}
        self._sent: list[Any] = []
        self._wake, self._leaving = threading.Event(), threading.Event()
        self._main = threading.main_thread().ident
        self._all_raised = threading.Event()
        self._raising = False
        self._witness: Witness | None = None
        self._told: list[tuple[int, Message]] = []  # what the thread has yet to send
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self, late: bool = False) -> None:
        """Begin to beat; rank 0 tells who is who, as launchers name processes only.

        Args:
            late: the program has ended, and no thread can start: `leave` beats.
        """
        self._pipe = os.pipe()
        if hasattr(os, "register_at_fork"):  # or it would stay open in what a rank forks
            os.register_at_fork(after_in_child=functools.partial(os.close, self._pipe[1]))
        everyone = self._comm.gather(dict(self._who(), pipe=self._pipe[0], late=late))
        if self.rank == 0 and not all(who["late"] for who in everyone):
            hosts: dict[str, list[str]] = {}
            for who in everyone:
                hosts.setdefault(who["host"], []).append(f"{who['rank']} is {who['pid']}")
            for host, ranks in hosts.items():
                sys.stderr.write(f"rushlight: ranks (processes) on {host}: {', '.join(ranks)}\n")
            sys.stderr.flush()
        machine = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        if self.rank == 0 and machine.Get_size() == self.size and possible():
            self._witness = Witness({who["rank"]: (who["pid"], who["pipe"]) for who in everyone})
            self._seen = {who["rank"]: dict(who, frames=[], calls=[]) for who in everyone}
            self._prepare(self._witness)
        machine.Free()
        self._comm.Barrier()
        launch.take_off_names()
        if not late:
            self._thread.start()

    def fault(self, text: str, code: int | None = None) -> None:
        """End the job because of what this rank says.

        Args:
            text: what happened; with a code a line, which is told once if all ranks say it.
            code: what the processes exit with; default None: 1.
        """
        told = self._tell(FAULT, text) if code is None else self._tell(FAULT, text, code=code)
        self._thread.join(self._silence)
        # rank 0 has not ended the job: it is gone, or stopped
        self._end([told])

    def raised(self, text: str) -> None:
        """Return when all ranks have called this; end the job if one does something else."""
        self._all_raised.clear()
        self._raising = True
        told = self._tell(RAISED, text, calls=calls.latest())
        begun = self._clock.now
        while not self._all_raised.wait(EVERY):
            if self._clock.now - begun > LAST + self._silence / 2:
                self._end([told])  # rank 0 says neither that all have, nor that some have not
        self._raising = False

    def _tell(self, tag: int, text: str, **more: Any) -> Message:
        message = dict(self._who(), text=text, **more)
        self._told.append((tag, message))
        self._wake.set()
        return message

    def leave(self) -> None:
        """Say goodbye, and return when all ranks have done so."""
        self._leaving.set()
        self._wake.set()
        if self._thread.ident is None:
            self._run()
        else:
            self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        try:
            self._beats()
        except BaseException:
            # without a heartbeat the job could hang: end it while somebody can tell why
            self._end([dict(self._who(), text=f"lost its heartbeat:\n{traceback.format_exc()}")])

    def _beats(self) -> None:
        everyone = None
        while everyone is None or not everyone.Test():
            hurried = everyone is not None or self._raisers or self._raising
            self._wake.wait(0.05 if hurried else EVERY)
            self._wake.clear()
            now = self._clock.tick()
            while self._told:
                tag, message = self._told.pop(0)
                if self.rank:
                    self._send(0, tag, message)
                else:
                    self._take(tag, message, now)
            if self._leaving.is_set() and everyone is None:
                self._gone.add(self.rank)
                if self.rank:
                    self._send(0, BYE, self._who())
                everyone = self._comm.Ibarrier()
            self._beat(now)
            self._listen(now)
            self._judge(now)
        # what is still under way would be left over when MPI ends
        for request in (*self._pending.values(), *self._sent):
            request.Wait()
        if self._witness is not None:
            self._witness.dismiss()
        self._comm.Barrier()
        self._listen(self._clock.tick())

    def _beat(self, now: float) -> None:
        message = dict(self._who(), frames=_frames(self._main), calls=calls.latest())
        message["waits"] = any(
            file in CALLS and name != "together" for file, _, name in message["frames"]
        )
        if self._witness is not None:
            message["witness"] = self._witness.process
            self._prepare(self._witness)
        self._take(BEAT, message, now)
        for other in self._others:
            if other not in self._pending or self._pending[other].Test():
                # one beat at a time: a rank that stands still is not sent ever more
                self._pending[other] = self._isend(message, other, BEAT)

    def _prepare(self, witness: Witness) -> None:
        died = "was killed, or ended without a word"
        told = {rank: self._lines([self._told_of(rank, died)]) for rank in self._seen}
        witness.tell({rank: "\n".join([*lines, ""]) for rank, lines in told.items()})

    def _listen(self, now: float) -> None:
        status = self._mpi.Status()
        while self._comm.Iprobe(self._mpi.ANY_SOURCE, self._mpi.ANY_TAG, status):
            source, tag = status.Get_source(), status.Get_tag()
            buffer = bytearray(status.Get_count(self._mpi.BYTE))
            self._comm.Recv([buffer, self._mpi.BYTE], source, tag)
            self._heard[source] = now
            self._take(tag, json.loads(buffer.decode()), now)

    def _take(self, tag: int, message: Message, now: float) -> None:
        """Note what a rank says, this one's own words among it."""
        rank = message["rank"]
        if tag == BYE:
            self._gone.add(rank)
        elif tag == FAULT:
            self._faults.append(message)
        elif tag == RAISED:
            self._raisers[rank] = message, now
        elif tag == ALL:
            self._all_raised.set()
        else:
            self._seen[rank] = message
            call = message["calls"][-1:] if message["waits"] else None
            if call is None:
                self._waiting.pop(rank, None)
            elif rank not in self._waiting or self._waiting[rank][0] != call:
                self._waiting[rank] = call, now

    # ---- what rank 0 makes of it

    def _judge(self, now: float) -> None:
        # rank 0 ends the job; if it is rank 0 that is silent, rank 1 does, or else the others
        patience = self._silence if self.rank < 2 else self._silence + 3
        for other, heard in self._heard.items():
            if now - heard > patience:
                self._end([self._silent(other, now - heard)])
        if self.rank:
            return
        if self._witness is not None and self._witness.spoke():
            self._end([])
        if self._faults:
            self._collect(self._faults)
        if self._raisers:
            self._judge_raised(now)
        if self._gone:
            self._judge_left(now)
        self._judge_calls()

    def _collect(self, faults: list[Message]) -> None:
        """End the job, when others have had time to say that they failed, too."""
        stop = time.monotonic() + COLLECT
        while time.monotonic() < stop and len(faults) < self.size:
            time.sleep(0.02)
            self._listen(self._clock.now)
        self._end(faults)

    def _judge_raised(self, now: float) -> None:
        """Let exceptions go on that all ranks have raised; end the job if some do not."""
        if len(self._raisers) == self.size:
            self._raisers.clear()
            self._all_raised.set()
            for other in self._others:
                self._send(other, ALL, self._who())
            return
        faults = [message for message, _ in self._raisers.values()]
        begun = max((calls[-1][0] for fault in faults if (calls := fault["calls"])), default=0)
        missed = any(
            rank not in self._raisers and call and call[0][0] > begun and now - since > MISSED
            for rank, (call, since) in self._waiting.items()
        )
        first = min(since for _, since in self._raisers.values())
        if missed or now - first > LAST or self._gone - {*self._raisers}:
            self._end(faults)

    def _judge_left(self, now: float) -> None:
        """Find a rank that waits in a call which one that has ended its program never makes."""
        for rank, (_, since) in self._waiting.items():
            if rank not in self._gone and now - since > STUCK:
                left = min(self._gone)
                text = f"ended its program, while rank {rank} waits for it.{self._waits(rank)}"
                self._end([dict(self._seen.get(left, {"rank": left}), text=text)])

    def _judge_calls(self) -> None:
        """Find ranks whose calls differ: they would wait for each other, or add up what is not."""
        found = calls.unlike({rank: seen["calls"] for rank, seen in self._seen.items()})
        if found is not None:
            rank, call, other, others = found
            text = f"calls '{call}' where rank {other} calls '{others}'.{self._waits(rank)}"
            self._end([dict(self._seen[rank], text=text)])

    def _waits(self, rank: int) -> str:
        place = _placed(self._seen[rank]["frames"])
        return f" Every rank must make the same calls.\nRank {rank} is at:\n{place}"

    def _silent(self, rank: int, seconds: float) -> Message:
        what = f"has not answered for {seconds:.0f} s: killed, stopped, or its machine is away"
        return self._told_of(rank, what)

    def _told_of(self, rank: int, text: str) -> Message:
        """Return a fault of another rank: what happened, and where it was seen last."""
        seen = self._seen.get(rank, {"rank": rank, "frames": []})
        if seen["frames"]:
            text += f".\nIt was seen last at:\n{_placed(seen['frames'])}"
        return dict(seen, text=text)

    def _end(self, faults: list[Message]) -> None:
        """Tell the fault once, where there is one, and end every process of the job."""
        if self._witness is not None:
            self._witness.dismiss()
        elif (witness := self._seen.get(0, {}).get("witness")) is not None:
            with contextlib.suppress(OSError):
                os.kill(witness, signal.SIGKILL)
        sys.stderr.write("".join(f"{line}\n" for line in self._lines(faults)))
        sys.stderr.flush()
        # what the others have been told to print may still be on its way through the launcher
        time.sleep(0.1)
        code = faults[0].get("code", 1) if faults else 1
        # Abort asks the launcher, which may be gone with its machine: end at least this process
        threading.Timer(5, os._exit, [code]).start()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPI's own words add nothing
        self._mpi.COMM_WORLD.Abort(code)
        os._exit(code)

    def _lines(self, faults: list[Message]) -> list[str]:
        if not faults:
            return []
        first, others = faults[0], sorted({fault["rank"] for fault in faults[1:]})
        same = len(faults) == self.size and len({fault["text"] for fault in faults}) == 1
        if "code" in first and same:
            return [f"rushlight: {first['text']}"]
        who = f"rushlight: rank {first['rank']} of {self.size}"
        if "pid" in first:
            who += f" (process {first['pid']} on {first['host']})"
        lines = [f"{who}{':' * ('code' in first)} {first['text'].rstrip()}"]
        if others:
            lines.append(f"rushlight: so did rank {', '.join(map(str, others))}")
        lines.append("rushlight: the job ends. A run with checkpoints goes on with --resume.")
        return lines

    # ---- messages

    def _who(self) -> Message:
        return {"rank": self.rank, "pid": os.getpid(), "host": platform.node()}

    def _send(self, rank: int, tag: int, message: Message) -> None:
        self._sent.append(self._isend(message, rank, tag))

    def _isend(self, message: Message, rank: int, tag: int) -> Any:
        return self._comm.Isend([json.dumps(message).encode(), self._mpi.BYTE], rank, tag)


def _frames(thread: int | None) -> list[tuple[str, int, str]]:
    """Return (file, line, function) of the innermost calls of a thread."""
    frame = sys._current_frames().get(thread) if thread is not None else None
    found: list[tuple[str, int, str]] = []
    while frame is not None and len(found) < FRAMES:
        found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


def _placed(frames: list[tuple[str, int, str]]) -> str:
    """Return places as a traceback shows them."""
    summaries = [traceback.FrameSummary(file, line, name) for file, line, name in frames]
    return "".join(traceback.format_list(summaries)).rstrip()
