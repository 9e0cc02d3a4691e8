"""Tells which rank of a machine was killed: a process beside them, which only waits.

A launcher that loses a rank kills the others at once, and none of them can say which one was the
first. This file is also the program; it imports nothing of the package, so that it starts quickly.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from typing import Any

__all__ = ["Witness", "possible"]

_SPOKEN = 3  # exit status


def possible() -> bool:
    """Tell whether the system lets a process open a pipe of another (Linux)."""
    return hasattr(select, "epoll") and os.path.isdir("/proc/self/fd")


class Witness:
    """The process, started by a rank.

    Args:
        pipes: rank -> its process and the reading end of a pipe of which it alone has the other.

    Attributes:
        process: its number, by which any rank may kill it before it ends the job.
    """

    def __init__(self, pipes: dict[int, tuple[int, int]]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, json.dumps(pipes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # or it would be killed with the ranks
        )
        self.process = self._child.pid
        assert self._child.stdout is not None
        with self._child.stdout as ready:
            ready.read()

    def tell(self, texts: dict[int, str]) -> None:
        """Say what is to be written of each rank, should it be the first that dies."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):  # it has ended
            self._child.stdin.write(json.dumps(texts).encode() + b"\n")
            self._child.stdin.flush()

    def spoke(self) -> bool:
        """Tell whether it has written that a rank has died."""
        return self._child.poll() == _SPOKEN

    def dismiss(self) -> None:
        """End it: from now on ranks may end."""
        assert self._child.stdin is not None
        self._child.kill()
        self._child.wait()
        with contextlib.suppress(OSError):
            self._child.stdin.close()


def _main(pipes: dict[str, tuple[int, int]]) -> int:
    # Pipes close while a process dies, before the launcher can know of its death and kill others.
    waiting = select.epoll()  # tells what happens in the order in which it does
    ranks = {}
    for rank, (process, pipe) in pipes.items():
        watched = os.open(f"/proc/{process}/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK)
        ranks[watched] = rank
        waiting.register(watched, select.EPOLLIN)
    told = sys.stdin.fileno()
    waiting.register(told, select.EPOLLIN)
    os.close(sys.stdout.fileno())  # now it is ready
    texts: dict[str, Any] = {}
    held = b""
    while True:
        for number, _ in waiting.poll():
            if number in ranks:
                sys.stderr.write(texts.get(ranks[number], ""))
                return _SPOKEN
            read = os.read(told, 1 << 20)
            if not read:  # the rank that tells us is dying itself
                waiting.unregister(told)
            *lines, held = (held + read).split(b"\n")
            texts = json.loads(lines[-1]) if lines else texts


if __name__ == "__main__":
    with contextlib.suppress(OSError):  # a rank has died before we could watch it
        sys.exit(_main(json.loads(sys.argv[1])))
