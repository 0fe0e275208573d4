"""Compare `%sync up` with rsync and scp, first and unchanged, at two delays; needs root.

    python benchmarks/sync.py [TIMES]        # about 6 minutes for 3 times

Sends 5,000 files of 20 kB and one of 500 MB to OpenSSH in another network namespace, at 0 and 50 ms
round trip. The tools alternate; each number is a median. %sync uses an open connection, as after
%gpu_connect, and a new one, as rsync and scp do.
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

from link import on_laptop, run, ssh_config  # noqa: E402 - it also sets DL_MAGICS_HOME

Send = Callable[[Path, str], object]


def main(times: int) -> None:
    from machine import describe_machine

    from support.two_hosts.lab import Lab, missing

    if why := missing():
        sys.exit(f"Two network namespaces are not available: {why}")
    if not shutil.which("rsync"):
        sys.exit("rsync is not installed: apt-get install rsync")
    print(describe_machine())
    scratch = Path(tempfile.mkdtemp(prefix="sync-"))
    lab = Lab()
    try:
        for title, folder in (
            ("5,000 x 20 kB", make_many_files(scratch)),
            ("1 x 500 MB", make_one_file(scratch)),
        ):
            for delay in (0, 0.025):
                lab.wire(f"delay {delay}")
                print(f"\n{title}, {2000 * delay:.0f} ms round trip     first   unchanged")
                with lab.entered():
                    tools = make_tools(lab)
                    if delay and folder.name == "many":
                        tools.pop("scp -rp")  # several round trips per file: 15 minutes
                    compare(tools, folder, scratch / "copies", times)
    finally:
        lab.close()
        shutil.rmtree(scratch)


def make_tools(lab) -> dict[str, Send]:
    from dl_magics.ssh import blocking, connection
    from dl_magics.sync import upload
    from dl_magics.sync.spec import SyncJob

    login = lab.login()
    ssh = f"-F {ssh_config(lab)} -o ControlPath=none"

    def ours(folder: Path, to: str) -> None:
        list(blocking.iterate_over(upload.upload_files(SyncJob(login, folder, to))))

    def fresh(folder: Path, to: str) -> None:
        blocking.wait_for(connection.drop_shared(login.alias))
        ours(folder, to)

    # A connection that was opened at another delay keeps the bandwidth measured then.
    blocking.wait_for(connection.drop_shared(login.alias))
    return {
        "%sync, open connection": ours,
        "%sync, fresh connection": fresh,
        "rsync -a": lambda folder, to: run(
            [*on_laptop(lab), "rsync", "-a", "-e", f"ssh {ssh}", f"{folder}/", f"host:{to}"]
        ),
        "scp -rp": lambda folder, to: run(
            [*on_laptop(lab), "scp", "-q", *ssh.split(), "-rp", str(folder), f"host:{to}"]
        ),
    }


def compare(tools: dict[str, Send], folder: Path, copies: Path, times: int) -> None:
    """Print the medians of each tool; the first round is a warm-up and is not counted."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    for n in range(times + 1):
        for name, send in tools.items():
            to = copies / "copy"
            copies.mkdir(exist_ok=True)
            pair = seconds(send, folder, str(to)), seconds(send, folder, str(to))
            shutil.rmtree(to)
            if n:
                took[name].append(pair)
    for name, pairs in took.items():
        first, again = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"{name:36} {first:6.2f} s {again:9.2f} s", flush=True)


def make_many_files(scratch: Path) -> Path:
    folder = scratch / "many"
    for n in range(5000):
        file = folder / f"class{n % 10}" / f"{n}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(20_000))
    return folder


def make_one_file(scratch: Path) -> Path:
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
