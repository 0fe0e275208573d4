"""Files to a host: %sync beside rsync and scp, first and unchanged, near and far.

    python benchmarks/sync.py HOST PORT KEY KNOWN_HOSTS     # an OpenSSH server, root's key

Sends 5,000 files of 20 kB and one of 500 MB; each number is the best of three.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()
_SCRATCH = Path(tempfile.mkdtemp(prefix="sync-"))
_TIMES = 3


def main(host: str, port: str, key: str, known: str) -> None:
    from dl_magics.remote import hostkeys, loop, upload
    from dl_magics.remote.job import Job
    from dl_magics.remote.login import Login

    public = Path(known).read_text().split(maxsplit=1)[1]
    hostkeys.pin("bench", public)
    login = Login(
        alias="bench", name="bench", host=host, user="root", port=int(port), key_file=Path(key)
    )
    options = f"-p {port} -i {key} -o UserKnownHostsFile={known}"
    there = _SCRATCH / "there"

    def ours(folder: Path, to: str) -> None:
        list(loop.each(upload.up(Job(login, folder, to))))

    def rsync(folder: Path, to: str) -> None:
        _run(["rsync", "-a", "-e", f"ssh {options}", f"{folder}/", f"root@{host}:{to}"])

    def scp(folder: Path, to: str) -> None:
        words = shlex.split(options.replace("-p ", "-P "))
        _run(["scp", "-q", "-r", "-p", *words, str(folder), f"root@{host}:{to}"])

    for title, folder in (("5,000 × 20 kB", _many()), ("1 × 500 MB", _one())):
        for name, send in (("%sync", ours), ("rsync -a", rsync), ("scp -rp", scp)):
            first, again = [], []
            for n in range(_TIMES):
                to = f"{there}/{name[:2].strip('%')}{n}"
                _run(["mkdir", "-p", str(there)])
                first.append(_seconds(send, folder, to))
                again.append(_seconds(send, folder, to) if send is not scp else 0.0)
                _run(["rm", "-rf", to])
            unchanged = f"{min(again):6.2f} s" if send is not scp else "  (all again)"
            print(f"{title:16} {name:10} first {min(first):6.2f} s   unchanged {unchanged}")


def _many() -> Path:
    folder = _SCRATCH / "many"
    for n in range(5000):
        file = folder / f"class{n % 10}" / f"{n}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(20_000))
    return folder


def _one() -> Path:
    folder = _SCRATCH / "one"
    folder.mkdir()
    with (folder / "data.h5").open("wb") as file:
        for _ in range(500):
            file.write(os.urandom(1_000_000))
    return folder


def _seconds(send: Callable[[Path, str], None], folder: Path, to: str) -> float:
    began = time.perf_counter()
    send(folder, to)
    return time.perf_counter() - began


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:5])
    finally:
        subprocess.run(["rm", "-rf", str(_SCRATCH)], check=False)
