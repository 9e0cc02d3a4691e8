"""Pass the packets of all hosts on after a delay: python relay.py MILLISECONDS HOST...

Makes the interface eth0 in every host (a tun device) and is the wire between them: a packet is
held for the delay and then handed to the host whose address it bears. Where the system has a C
compiler, the loop is that of relay.c, which takes a tenth of the processor's time.
"""

from __future__ import annotations

import collections
import ctypes
import fcntl
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET, PR_SET_TIMERSLACK = 0x40000000, 29
LIBC = ctypes.CDLL(None, use_errno=True)


def interface(host: str) -> int:
    """Return the file of a new interface eth0 of a host."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{host}", os.O_RDONLY)
    try:
        # a tun device belongs to the namespace in which its file was opened
        if LIBC.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {host}")
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"eth0", IFF_TUN | IFF_NO_PI))
        return tun
    finally:
        LIBC.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


def relay(files: list[int], delay: float) -> None:
    """Pass packets on for ever; the n-th file is the host with an address that ends in n + 1."""
    held: collections.deque[tuple[float, int, bytes]] = collections.deque()
    now = time.perf_counter
    while True:
        wait = max(held[0][0] - now(), 0.0) if held else None
        for file in select.select(files, [], [], wait)[0]:
            for _ in range(16):  # not all at once: others wait, too
                try:
                    packet = os.read(file, 65536)
                except BlockingIOError:
                    break
                if packet[0] >> 4 == 4 and 0 < packet[19] <= len(files):
                    held.append((now() + delay, files[packet[19] - 1], packet))
        while held and held[0][0] <= now():
            _, file, packet = held.popleft()
            os.write(file, packet)


def compiled() -> str | None:
    """Return the loop as a program, compiled for this run; None: there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    folder = tempfile.mkdtemp(dir="/run")  # gone with the namespaces
    command = [compiler, "-O2", "-o", f"{folder}/relay", str(Path(__file__).with_suffix(".c"))]
    done = subprocess.run(command, capture_output=True, check=False)
    return None if done.returncode else f"{folder}/relay"


def main() -> None:
    """Make the interfaces, say so, and relay until killed."""
    delay, hosts = float(sys.argv[1]) / 1e3, sys.argv[2:]
    LIBC.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    # a wire is never late: it goes before the ranks, which keep the processors busy
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    files = [interface(host) for host in hosts]
    program = compiled()
    print("ready", flush=True)
    if program is not None:
        for file in files:
            os.set_inheritable(file, True)
        os.execv(program, [program, str(delay), *map(str, files)])
    relay(files, delay)


if __name__ == "__main__":
    main()
