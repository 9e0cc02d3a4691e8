"""Ranks that tell each other, once a second, that they live: a thread over MPI messages.

Every rank sends a beat to rank 0, and rank 0 one back. Nothing listens beside MPI itself, no file
is written. A beat says where the main thread of its rank is, so that of a rank that stops answering
it is known where it was seen last. A fault ends the job: rank 0 tells it once, and aborts.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import time
import traceback
from typing import Any

__all__ = ["Heartbeat"]

BEAT, FAULT, BYE = 1, 2, 3  # tags
EVERY = 1.0  # seconds between beats
FRAMES = 6  # of the main thread, innermost last
COLLECT = 1.0  # seconds in which other ranks may add that they failed, too
CALLS = os.path.join(os.path.dirname(__file__), "mpi.py")  # where a rank waits for others
STUCK = 8  # beats in which a rank waits for one that has ended its program

# what ranks send: {"rank", "pid", "host", "frames" or "text"}
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
        now = time.monotonic()
        self._heard = dict.fromkeys(self._others, now)
        self._seen: dict[int, Message] = {}
        self._waited = dict.fromkeys(range(self.size), 0)
        self._gone: set[int] = set()
        self._faults: list[Message] = []
        self._pending: dict[int, Any] = {}
        self._sent: list[Any] = []
        self._wake, self._leaving = threading.Event(), threading.Event()
        self._main = threading.main_thread().ident
        self._told: Message | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat; rank 0 tells who is who, as launchers name processes only."""
        everyone = self._comm.gather(self._who())
        if self.rank == 0:
            hosts: dict[str, list[str]] = {}
            for who in everyone:
                hosts.setdefault(who["host"], []).append(f"{who['rank']} is {who['pid']}")
            for host, ranks in hosts.items():
                sys.stderr.write(f"rushlight: ranks (processes) on {host}: {', '.join(ranks)}\n")
            sys.stderr.flush()
        self._thread.start()

    def fault(self, text: str) -> None:
        """End the job because of what this rank says; return only if that fails."""
        told = self._told = dict(self._who(), text=text)
        self._wake.set()
        self._thread.join(COLLECT + 5)
        # rank 0 has not ended the job: it is gone, or stopped
        self._end([told])

    def leave(self) -> None:
        """Say goodbye, and return when all ranks have done so."""
        self._leaving.set()
        self._wake.set()
        self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        try:
            self._beats()
        except BaseException:
            # without a heartbeat the job could hang: end it while somebody can tell why
            self._end([dict(self._who(), text=f"lost its heartbeat:\n{traceback.format_exc()}")])

    def _beats(self) -> None:
        last, everyone = time.monotonic(), None
        while everyone is None or not everyone.Test():
            pause = 0.05 if everyone is not None else EVERY
            self._wake.wait(pause)
            self._wake.clear()
            now = time.monotonic()
            if now - last > EVERY + self._silence / 4:
                # this process itself was stopped or starved: it knows nothing of the others
                self._heard = dict.fromkeys(self._others, now)
            last = now
            told, self._told = self._told, None
            if told is not None and self.rank == 0:
                self._faults.append(told)
            elif told is not None:
                self._send(0, FAULT, told)
            if self._leaving.is_set() and everyone is None:
                self._gone.add(self.rank)
                if self.rank:
                    self._send(0, BYE, self._who())
                everyone = self._comm.Ibarrier()
            self._beat()
            self._listen(now)
            self._judge(now)
        # what is still under way would be left over when MPI ends
        for request in (*self._pending.values(), *self._sent):
            request.Wait()
        self._comm.Barrier()
        self._listen(time.monotonic())

    def _beat(self) -> None:
        message = dict(self._who(), frames=_frames(self._main))
        self._seen[self.rank] = message
        message["waits"] = any(frame[0] == CALLS for frame in message["frames"])
        for other in self._others:
            if other not in self._pending or self._pending[other].Test():
                # one beat at a time: a rank that stands still is not sent ever more
                self._pending[other] = self._isend(message, other, BEAT)

    def _listen(self, now: float) -> None:
        status = self._mpi.Status()
        while self._comm.Iprobe(self._mpi.ANY_SOURCE, self._mpi.ANY_TAG, status):
            source, tag = status.Get_source(), status.Get_tag()
            buffer = bytearray(status.Get_count(self._mpi.BYTE))
            self._comm.Recv([buffer, self._mpi.BYTE], source, tag)
            self._heard[source] = now
            if tag == BYE:
                self._gone.add(source)
                continue
            message = json.loads(buffer.decode())
            if tag == FAULT:
                self._faults.append(message)
            else:
                self._seen[source] = message

    def _judge(self, now: float) -> None:
        if self._faults and self.rank == 0:
            stop = time.monotonic() + COLLECT
            while time.monotonic() < stop and len(self._faults) < self.size:
                time.sleep(0.02)
                self._listen(time.monotonic())
            self._end(self._faults)
        # rank 0 ends the job; if it is rank 0 that is silent, rank 1 does, or else the others
        patience = self._silence if self.rank < 2 else self._silence + 3
        for other, heard in self._heard.items():
            if now - heard > patience:
                self._end([self._silent(other, now - heard)])
        if self.rank == 0 and self._gone:
            self._judge_left()

    def _judge_left(self) -> None:
        """Find a rank that waits in a call which one that has ended its program never makes."""
        for rank, message in self._seen.items():
            stuck = message["waits"] and rank not in self._gone
            self._waited[rank] = self._waited[rank] + 1 if stuck else 0
            if self._waited[rank] > STUCK:
                left, place = min(self._gone), _placed(message["frames"])
                text = (
                    f"ended its program, while rank {rank} waits for it. Every rank must make the "
                    f"same calls.\nRank {rank} waits at:\n{place}"
                )
                self._end([dict(self._seen.get(left, {"rank": left}), text=text)])

    def _silent(self, rank: int, seconds: float) -> Message:
        seen = self._seen.get(rank, {"rank": rank, "frames": []})
        text = f"has not answered for {seconds:.0f} s: killed, stopped, or its machine is away"
        if seen["frames"]:
            text += f".\nIt was seen last at:\n{_placed(seen['frames'])}"
        return dict(seen, text=text)

    def _end(self, faults: list[Message]) -> None:
        """Tell the fault once, and end every process of the job."""
        first, others = faults[0], sorted({fault["rank"] for fault in faults[1:]})
        who = f"rank {first['rank']} of {self.size}"
        if "pid" in first:
            who += f" (process {first['pid']} on {first['host']})"
        lines = [f"rushlight: {who} {first['text'].rstrip()}"]
        if others:
            lines.append(f"rushlight: so did rank {', '.join(map(str, others))}")
        lines.append("rushlight: the job ends. A run with checkpoints goes on with --resume.")
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
        # what the others have been told to print may still be on its way through the launcher
        time.sleep(0.1)
        # Abort asks the launcher, which may be gone with its machine: end at least this process
        threading.Timer(5, os._exit, [1]).start()
        self._mpi.COMM_WORLD.Abort(1)

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
