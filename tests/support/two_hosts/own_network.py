"""A network of its own for this thread and the processes that it starts: a loopback, nothing else.

Its packet filter can swallow what goes to a port, as a network that was cut does: connections stay
open, and nothing arrives.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from support.two_hosts import relay

_NEW_NETWORK = 0x40000000


class OwnNetwork:
    """The network that this thread is in."""

    def swallow(self, port: int) -> None:
        """Let nothing through to a port, nor back from it, from now on."""
        for side in ("--dport", "--sport"):
            self._filter("-A", "INPUT", "-p", "tcp", side, str(port), "-j", "DROP")

    def mend(self) -> None:
        """Let everything through again."""
        self._filter("-F")

    def _filter(self, *words: str) -> None:
        subprocess.run(["iptables", *words], check=True)


@contextmanager
def entered() -> Iterator[OwnNetwork]:
    """Move this thread into a new network, and back at the end."""
    with open("/proc/thread-self/ns/net") as before:  # noqa: PTH123 - it is no file of a disk
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield OwnNetwork()
        finally:
            relay.enter(before.fileno())
