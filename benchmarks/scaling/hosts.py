"""Test hosts made of network namespaces: links shaped by tbf, latency added by a relay.

Everything lives in namespaces (network, mounts, processes) of a process that `entered` starts
through `unshare`. When that process ends, in whatever way, the kernel ends its children and takes
the namespaces, interfaces and mounts away: there is nothing to clean up and nothing to forget. No
interface, route or file of the machine itself is touched, and what listens, listens in there.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "RUSHLIGHT_TEST_HOSTS"
NETWORK = "10.231.7"
TOOLS = ("unshare", "ip", "tc", "mount", "mpiexec")
PACKETS = 50_000  # per second, of all hosts together: what the relay passes without being late


@dataclasses.dataclass(frozen=True)
class Link:
    """What joins each host to the others: Gbit/s out of a host, milliseconds one way."""

    gigabits: float
    milliseconds: float

    def mtu(self, hosts: int) -> int:
        """Return the bytes of a packet: as small as the relay's pace allows."""
        wanted = self.gigabits * 1e9 / 8 * hosts / PACKETS
        return int(min(max(wanted, 1500), 60_000))


def entered() -> bool:
    """Return whether this process has namespaces of its own; say what is missing, or stop."""
    if os.environ.get(INSIDE) == "1":
        lines = pathlib.Path("/proc/net/dev").read_text().splitlines()
        names = [line.split(":")[0].strip() for line in lines if ":" in line]
        if os.getpid() != 1 or names != ["lo"]:
            sys.exit(f"{INSIDE} is set outside of the namespaces: unset it")
        return True
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        sys.exit(
            f"cannot build test hosts: missing {', '.join(missing)} (iproute2, util-linux, MPI)"
        )
    if os.geteuid() != 0:
        sys.exit("cannot build test hosts: network namespaces and shaped links need root")
    if not os.path.exists("/dev/net/tun"):
        sys.exit("cannot build test hosts: no /dev/net/tun, which the relay of latency needs")
    return False


def enter() -> int:
    """Run this very command in namespaces of its own and return its exit status."""
    # the process in there is number 1 of its namespace: with it, all others end
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += [sys.executable, *sys.argv]
    env = dict(os.environ, **{INSIDE: "1"})
    process = subprocess.Popen(command, env=env, preexec_fn=_die_with_parent)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: process.kill())
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.kill()
        return 130


def _die_with_parent() -> None:
    """Let the kernel kill this process when the one that started it is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def call(*command: str) -> None:
    """Run a command; stop with its own words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"cannot build test hosts: {' '.join(command)}: {done.stderr.strip()}")


def address(host: int) -> str:
    """Return the address of a host."""
    return f"{NETWORK}.{host + 1}"


@contextmanager
def hosts(count: int, link: Link) -> Iterator[Hosts]:
    """Make hosts h0, h1, ..., every one behind a link of its own; take them away at the end."""
    call("mount", "-t", "tmpfs", "-o", "mode=0700", "none", "/run")
    os.mkdir("/run/netns")
    names = [f"h{number}" for number in range(count)]
    relay = None
    try:
        for name in names:
            call("ip", "netns", "add", name)
        relay = subprocess.Popen(
            [sys.executable, str(HERE / "relay.py"), str(link.milliseconds), *names],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert relay.stdout is not None
        if relay.stdout.readline().strip() != "ready":
            sys.exit("cannot build test hosts: the relay did not start")
        for number, name in enumerate(names):
            _shape(name, address(number), link, count)
        yield Hosts(names)
    finally:
        if relay is not None:
            relay.kill()
            relay.wait()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        call("umount", "-l", "/run")


def _shape(name: str, where: str, link: Link, count: int) -> None:
    inside = ("ip", "netns", "exec", name)
    mtu = link.mtu(count)
    call(*inside, "ip", "link", "set", "lo", "up")
    call(*inside, "ip", "addr", "add", f"{where}/24", "dev", "eth0")
    call(*inside, "ip", "link", "set", "eth0", "mtu", str(mtu), "txqueuelen", "10000", "up")
    # what the bucket holds passes for nothing; with less than this, late timers lose bandwidth
    rate = f"{link.gigabits * 1000:g}mbit"
    burst = str(2 * mtu)
    shaped = ("rate", rate, "burst", burst, "limit", "64000000")
    call(*inside, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", *shaped)
    # long-lived connections of a job: windows that never throttle and never start anew
    settings = {
        "net/ipv4/tcp_slow_start_after_idle": "0",
        "net/ipv4/tcp_no_metrics_save": "1",
        "net/ipv4/tcp_rmem": "4096 16777216 67108864",
        "net/ipv4/tcp_wmem": "4096 16777216 67108864",
    }
    for key, value in settings.items():
        call(*inside, "sh", "-c", f"echo {value} > /proc/sys/{key}")
    network = f"{NETWORK}.0/24"
    call(*inside, "ip", "route", "replace", network, "dev", "eth0", "src", where,
         "initcwnd", "2000", "initrwnd", "2000", "quickack", "1")  # fmt: skip


class Hosts:
    """Hosts that are up; `run` starts one rank on each of them."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def run(self, program: list[str], seconds: float) -> str:
        """Run a program under mpiexec, one rank to a host; return what it printed."""
        with tempfile.TemporaryDirectory(dir="/run") as folder:
            launcher = pathlib.Path(folder, "launch")
            launcher.write_text(LAUNCHER)
            launcher.chmod(0o700)
            where = ",".join(address(number) for number in range(len(self.names)))
            command = ["ip", "netns", "exec", self.names[0], "mpiexec", "-launcher", "ssh"]
            command += ["-launcher-exec", str(launcher), "-hosts", where]
            command += ["-n", str(len(self.names)), *program]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
                env=dict(os.environ, **TRANSPORT),
            )
        if done.returncode:
            raise RuntimeError(f"the ranks failed ({done.returncode}): {done.stderr[-2000:]}")
        return done.stdout


# TCP over the shaped interface, and no other way: without this, ranks of one machine find each
# other's memory
TRANSPORT = {
    "MPIR_CVAR_CH4_NETMOD": "ofi",
    "FI_PROVIDER": "tcp",
    "FI_TCP_IFACE": "eth0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

# what mpiexec calls in place of ssh: [-x] ADDRESS COMMAND...
LAUNCHER = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1
shift
exec ip netns exec "h$(( ${host##*.} - 1 ))" sh -c "$*"
"""
