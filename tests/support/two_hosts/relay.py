"""A wire between two network namespaces that can be slow, lossy or cut: `relay.py NS IP NS IP`.

Run by root. It reads `delay SECONDS`, `loss SHARE`, `rate BYTES` a second (0: any), `down`, `up`
from its standard input, and ends with it.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import selectors
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x1
IFF_NO_PI = 0x1000
NAME = "wire"
PACKET_BYTES = 1 << 16


def enter(namespace: str | int) -> None:
    """Move this thread into a network namespace, by name or open file."""
    libc = ctypes.CDLL(None, use_errno=True)
    file = (
        os.open(f"/run/netns/{namespace}", os.O_RDONLY) if isinstance(namespace, str) else namespace
    )
    if libc.setns(file, 0):
        raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
    if isinstance(namespace, str):
        os.close(file)


def tun(namespace: str, address: str, peer: str) -> int:
    """Create one end of the wire."""
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    enter(namespace)
    try:
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22s", NAME.encode(), IFF_TUN | IFF_NO_PI, b""))
        for command in (
            f"ip address add {address} peer {peer} dev {NAME}",
            f"ip link set {NAME} up txqueuelen 2000",
            "ip link set lo up",
        ):
            subprocess.run(command.split(), check=True)
    finally:
        enter(outside)
        os.close(outside)
    return end


class Wire:
    """The packets in flight and the conditions of the wire."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.loss = 0.0
        self.rate = 0.0
        self.up = True
        self._flying: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._free: dict[int, float] = {}

    def obey(self, line: str) -> None:
        word, _, value = line.strip().partition(" ")
        if word in ("delay", "loss", "rate"):
            setattr(self, word, float(value))
        elif word in ("up", "down"):
            self.up = word == "up"

    def take(self, packet: bytes, to: int) -> None:
        if self.up and random.random() >= self.loss:
            self._count += 1
            through = time.monotonic()
            if self.rate:
                through = max(through, self._free.get(to, 0.0)) + len(packet) / self.rate
                self._free[to] = through
            heapq.heappush(self._flying, (through + self.delay, self._count, to, packet))

    def deliver(self) -> float | None:
        """Deliver the packets that are due; return the seconds until the next one."""
        while self._flying and self._flying[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(self._flying)
            try:
                os.write(to, packet)
            except OSError:
                continue  # its end is down: a lost packet
        return max(0.0, self._flying[0][0] - time.monotonic()) if self._flying else None


def main(near: str, near_address: str, far: str, far_address: str) -> None:
    ends = tun(near, near_address, far_address), tun(far, far_address, near_address)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    wire = Wire()
    selector = selectors.DefaultSelector()
    for file in (*ends, 0):
        selector.register(file, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select(wire.deliver()):
            if key.fd == 0:
                if not (said := os.read(0, 4096)):
                    return
                for line in said.decode().splitlines():
                    wire.obey(line)
                print("done", flush=True)
                continue
            try:
                while True:
                    wire.take(os.read(key.fd, PACKET_BYTES), other[key.fd])
            except BlockingIOError:
                pass


if __name__ == "__main__":
    main(*sys.argv[1:])
