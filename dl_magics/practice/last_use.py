"""Whether somebody still uses the practice cloud: a process, a request, a connection, a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Event

import psutil

from dl_magics.practice.hosts.cpu_time import read_cpu_seconds

CHECK_SECONDS = 30.0
# Of one core: a host that computes is used; an idle kernel takes less than 1 %.
_BUSY_SHARE = 0.1


class LastUse:
    """When the practice cloud was last used.

    Parameters
    ----------
    list_hosts
        Returns the process ids of the running hosts.
    seconds
        How long nothing may use it.
    """

    def __init__(
        self,
        list_hosts: Callable[[], Iterable[int]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._list_hosts = list_hosts
        self._seconds = seconds
        self._clock = clock
        self._used_at = self._checked_at = clock()
        self._users: dict[int, psutil.Process] = {}
        self._cpu_seconds: dict[int, float] = {}

    def note_request(self) -> None:
        """Count a request as a use."""
        self._used_at = self._clock()

    def add_user(self, pid: int) -> None:
        """Count the process as a user until it ends."""
        try:
            self._users[pid] = psutil.Process(pid)
        except psutil.Error:
            self._users.pop(pid, None)

    def is_over(self) -> bool:
        """Return whether the last use is longer ago than the limit."""
        now = self._clock()
        if self._is_in_use(now - self._checked_at):
            self._used_at = now
        self._checked_at = now
        return now - self._used_at >= self._seconds

    def _is_in_use(self, seconds: float) -> bool:
        for pid, process in list(self._users.items()):
            # A process that took over the number of one that ended is another one.
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return True
            del self._users[pid]
        # Each host is measured each time.
        used = [self._is_host_in_use(pid, seconds) for pid in self._list_hosts()]
        return any(used)

    def _is_host_in_use(self, pid: int, seconds: float) -> bool:
        try:
            host = psutil.Process(pid)
            connected = any(
                each.status == psutil.CONN_ESTABLISHED for each in host.net_connections("tcp")
            )
            spent = read_cpu_seconds(pid)
        except psutil.Error:
            return False
        before = self._cpu_seconds.get(pid, spent)
        self._cpu_seconds[pid] = spent
        return connected or spent - before > seconds * _BUSY_SHARE


def wait_until_unused(last_use: LastUse, ended: Event, seconds: float = CHECK_SECONDS) -> None:
    """Set `ended` once nothing has used the practice cloud for its limit."""
    while not ended.wait(seconds):
        if last_use.is_over():
            ended.set()
