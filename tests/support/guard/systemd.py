"""A systemd of its own, in namespaces: D-Bus, logind and what a test adds; for tests run by root.

It sees the programs of this computer, but its units, /etc/systemd/system, /opt and /run are empty
folders in memory, it has no network, and no unit of this computer is started. Where it would power
off, it writes a file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
POWERED_OFF = "/run/powered-off"
_UNITS = Path("/lib/systemd/system")
_NEEDED = ("dbus.service", "dbus.socket", "systemd-logind.service")
_CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_START = f"""\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/dbus /run/lock /run/units
cd {_UNITS}
cp {" ".join(_NEEDED)} /run/units
for each in basic sysinit sockets shutdown; do
    echo '[Unit]' > /run/units/$each.target
done
printf '[Unit]\\nRequires=dbus.socket systemd-logind.service\\n' > /run/units/multi-user.target
printf '[Unit]\\nRequires=off.service\\nDefaultDependencies=no\\n' > /run/units/poweroff.target
printf '[Service]\\nType=oneshot\\nExecStart=touch {POWERED_OFF}\\n' > /run/units/off.service
mount --bind /run/units {_UNITS}
for each in /etc/systemd/system /opt {_UNITS}-generators; do
    mkdir -p $each
    mount -t tmpfs tmpfs $each
done
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test \\
    SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/units \\
    {SYSTEMD} --system --unit=multi-user.target --log-target=null --show-status=no
"""
_NAMESPACES = ("--cgroup", "--mount", "--pid", "--uts", "--ipc", "--net", "--mount-proc")


def missing() -> str:
    """Return why no systemd can be started on this computer; "" if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "namespaces need root"
    needed = (SYSTEMD, *(_UNITS / each for each in _NEEDED))
    if not all(each.exists() for each in needed) or not shutil.which("nsenter"):
        return "systemd, D-Bus or nsenter is not installed"
    if Path("/run/systemd/system").exists() or not _find_cgroups():
        return "cgroups of this computer belong to its own systemd, or cannot be written"
    return ""


class Systemd:
    """A system that has booted; `pid` is its first process, as this computer sees it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command in it; return what it printed."""
        inside = ["nsenter", "--target", str(self.pid), "--all", *words]
        done = subprocess.run(inside, capture_output=True, text=True, check=check)
        return done.stdout + done.stderr

    def read(self, path: str) -> str:
        """Return the content of a file of it; "" where there is none."""
        try:
            return Path(f"/proc/{self.pid}/root{path}").read_text()
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether it has a file."""
        return Path(f"/proc/{self.pid}/root{path}").exists()


@contextmanager
def booted() -> Iterator[Systemd]:
    """Start a system, and end all of its processes afterwards."""
    group = _find_cgroups() / f"dl-magics-{os.getpid()}"
    group.mkdir()
    enter = f"echo $$ > {group}/cgroup.procs; exec unshare {' '.join(_NAMESPACES)} --fork"
    starter = subprocess.Popen(
        ["sh", "-c", f'{enter} --kill-child sh -c "$0"', _START],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _wait_until_booted(starter)
    finally:
        for pid in _children(starter.pid):
            os.kill(pid, signal.SIGKILL)
        starter.wait()
        _remove(group)


def _wait_until_booted(starter: subprocess.Popen[bytes]) -> Systemd:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and starter.poll() is None:
        for pid in _children(starter.pid):
            system = Systemd(pid)
            if "login1" in system.run("busctl", "list", "--acquired", check=False):
                return system
        time.sleep(0.1)
    raise AssertionError("systemd did not boot")


def _find_cgroups() -> Path:
    """Return the folder of cgroups of version 2 that can be written; a falsy path if none."""
    for each in _CGROUPS:
        if (each / "cgroup.controllers").exists() and os.access(each, os.W_OK):
            return each
    return Path()


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _remove(group: Path) -> None:
    folders = sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True)
    deadline = time.monotonic() + 10
    for each in (*folders, group):
        while each.exists() and time.monotonic() < deadline:
            try:
                each.rmdir()
            except OSError:  # a process of it is just ending
                time.sleep(0.05)
