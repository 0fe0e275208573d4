"""Files to a host: %sync beside rsync and scp, first and unchanged, near and far; as root.

    python benchmarks/sync.py [TIMES]        # about 6 minutes for 3 times

Sends 5,000 files of 20 kB and one of 500 MB to a real sshd in a network namespace of its own, at
0 and at 50 ms round trip. All ways take turns; each number is the median. %sync goes over an open
connection, as after %gpu_connect, and over a fresh one, as rsync and scp do.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from link import on_laptop, run, ssh_config  # noqa: E402 - it also gives us a home of our own

Send = Callable[[Path, str], object]


def main(times: int) -> None:
    from machine import machine

    from support.two_hosts.lab import Lab, missing

    if why := missing():
        sys.exit(f"No lab of two hosts here: {why}")
    print(machine())
    scratch = Path(tempfile.mkdtemp(prefix="sync-"))
    lab = Lab()
    try:
        for title, folder in (("5,000 x 20 kB", many(scratch)), ("1 x 500 MB", one(scratch))):
            for delay in (0, 0.025):
                lab.wire(f"delay {delay}")
                print(f"\n{title}, {2000 * delay:.0f} ms round trip     first   unchanged")
                with lab.entered():
                    each = ways(lab)
                    if delay and folder.name == "many":
                        each.pop("scp -rp")  # several round trips a file: a quarter of an hour
                    compare(each, folder, scratch / "there", times)
    finally:
        lab.close()
        shutil.rmtree(scratch)


def ways(lab) -> dict[str, Send]:
    from dl_magics.ssh import blocking, connection
    from dl_magics.sync import upload
    from dl_magics.sync.spec import Job

    login = lab.login()
    ssh = f"-F {ssh_config(lab)} -o ControlPath=none"

    def ours(folder: Path, to: str) -> None:
        list(blocking.iterate_over(upload.up(Job(login, folder, to))))

    def fresh(folder: Path, to: str) -> None:
        blocking.wait_for(connection.drop_shared(login.alias))
        ours(folder, to)

    # A connection that was opened at another delay would remember that one's pace.
    blocking.wait_for(connection.drop_shared(login.alias))
    return {
        "%sync, open connection": ours,
        "%sync, fresh connection": fresh,
        "rsync -a": lambda folder, to: run(
            [*on_laptop(lab), "rsync", "-a", "-e", f"ssh {ssh}", f"{folder}/", f"there:{to}"]
        ),
        "scp -rp": lambda folder, to: run(
            [*on_laptop(lab), "scp", "-q", *ssh.split(), "-rp", str(folder), f"there:{to}"]
        ),
    }


def compare(ways: dict[str, Send], folder: Path, there: Path, times: int) -> None:
    """Print what each way took; the first round, which warms all up, does not count."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for n in range(times + 1):
        for name, send in ways.items():
            to = there / "copy"
            there.mkdir(exist_ok=True)
            pair = seconds(send, folder, str(to)), seconds(send, folder, str(to))
            shutil.rmtree(to)
            if n:
                took[name].append(pair)
    for name, pairs in took.items():
        first, again = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"{name:36} {first:6.2f} s {again:9.2f} s", flush=True)


def many(scratch: Path) -> Path:
    folder = scratch / "many"
    for n in range(5000):
        file = folder / f"class{n % 10}" / f"{n}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(20_000))
    return folder


def one(scratch: Path) -> Path:
    folder = scratch / "one"
    folder.mkdir()
    with (folder / "data.h5").open("wb") as file:
        for _ in range(500):
            file.write(os.urandom(1_000_000))
    return folder


def seconds(send: Send, folder: Path, to: str) -> float:
    began = time.perf_counter()
    send(folder, to)
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
