"""Random but reproducible failures: `chaos.py FIRST COUNT BESIDE` plays COUNT sequences.

In each a cell counts and prints long lines while the wire is slow and lossy, is cut, or swallows
the packets of one direction; the client and sshd's sessions are killed, in some also the agent.
Afterwards no line may be missing or repeated, and no cell may have run twice.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dl_magics.gpu_kernel.link.long_entries import read_line
from support.messages import printed
from support.two_hosts.journal_file import encode_entry
from support.two_hosts.lab import LAPTOP, Lab

LINES = 60
# A message of 300 kB comes in pieces; one of more than 1 MiB is compressed too.
LONG = [(20, 300_000), (40, 1_200_000)]
COUNT = f"""
import random, time
open({{ran!r}}, "a").write("once\\n")
for i in range({LINES}):
    print("line", i, flush=True)
    if size := dict({LONG}).get(i):
        print("".join(random.Random(i).choices("0123456789", k=size)), flush=True)
    time.sleep(0.05)
open({{ran!r}}, "a").write("done\\n")
"""
PATIENCE = 120


class BadLuck:
    """The sequence of failures of one seed; the files of one that failed are kept."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self._lab = lab
        self._chance = random.Random(seed)
        self._folder = Path(tempfile.mkdtemp(prefix=f"chaos{seed}-"))
        self._recording = self._folder / "received.jsonl"
        self._ran = self._folder / "ran"
        (self._folder / "ask.py").write_text(COUNT.format(ran=str(self._ran)))
        self._run_dir = lab.new_run_dir()
        self._whole = str(lab.folder / "home" / self._run_dir.removeprefix("~/"))
        self._agent_killed = False
        self._client = lab.client(self._run_dir, self._recording)
        self.log: list[str] = []

    def play(self) -> None:
        """Play the sequence; raise AssertionError if a guarantee is violated."""
        try:
            self._until(lambda: "line 0\n" in self._said())
            self._lab.wire(f"delay {self._chance.choice([0, 0.005, 0.025])}")
            self._lab.wire(f"loss {self._chance.choice([0, 0.01, 0.03])}")
            self._lab.wire(f"rate {self._chance.choice([0, 256_000, 1_000_000])}")
            for _ in range(self._chance.randint(2, 4)):
                time.sleep(self._chance.uniform(0, 1))
                blow = self._chance.choice(
                    [
                        self._cut,
                        self._deafen,
                        self._mute,
                        self._kill_client,
                        self._kill_sessions,
                        self._kill_agent,
                    ]
                )
                self.log.append(blow.__name__.strip("_"))
                blow()
            self._lab.mend()
            self._until(lambda: self._ran.read_text().endswith("done\n"))
            self._until(lambda: number(self._received()) == number(self._journal()))
            self._judge()
        finally:
            self._client.kill()
            self._client.wait()
            self._lab.mend()
            self._lab.end(self._whole)
        shutil.rmtree(self._folder)

    def _judge(self) -> None:
        received, journal = self._received(), self._journal()
        entries = [read_line(line) for line in received]
        said = self._said()
        wanted = list(expected())
        assert [one.n for one in entries] == list(range(entries[0].n, entries[-1].n + 1))
        # The kernel may have sent its idle status between the two reads.
        since = entries[0].n - 1
        there = [encode_entry(read_line(line)) for line in journal[since : since + len(received)]]
        assert received == there, "received is not the journal"
        assert self._ran.read_text() == "once\ndone\n", "the cell ran again"
        if self._agent_killed:
            # Output printed while no agent runs is not journalled.
            assert said.splitlines() == [line for line in wanted if line in said.splitlines()]
        else:
            assert said.splitlines() == wanted, "a line is missing or repeated"

    def _said(self) -> str:
        """Return what the cell printed: the kernel may send a part of a line."""
        entries = map(read_line, self._received())
        return printed(one.message for one in entries if one.answers == "asked-once")

    def _received(self) -> list[bytes]:
        return lines(self._recording)

    def _journal(self) -> list[bytes]:
        segments = sorted(Path(self._whole, "journal").glob("*.jsonl"))
        return [line for segment in segments for line in lines(segment)]

    def _until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, self._where()
            time.sleep(0.05)

    def _where(self) -> str:
        """Return a description of the state in which the sequence hangs."""
        last = [lines[-1][:200] for lines in (self._journal(), self._received()) if lines]
        running = [self._lab.words(pid)[1:4] for pid in self._lab.running(self._whole)]
        return f"it hangs; last entries of the journal and received {last}, running {running}"

    def _cut(self) -> None:
        self._lab.wire("down")
        time.sleep(self._chance.choice([0.2, 1, 7]))
        self._lab.wire("up")

    def _deafen(self) -> None:
        self._swallow("INPUT", "-s", LAPTOP)

    def _mute(self) -> None:
        self._swallow("OUTPUT", "-d", LAPTOP)

    def _swallow(self, *which: str) -> None:
        """Let the packets of one direction disappear for a while: no end learns of it."""
        self._lab.rule(*which, "-j", "DROP")
        time.sleep(self._chance.choice([1, 7]))
        self._lab.inside("iptables", "-F")

    def _kill_client(self) -> None:
        self._client.kill()
        self._client.wait()
        time.sleep(self._chance.uniform(0, 1))
        self._client = self._lab.client(self._run_dir, self._recording)

    def _kill_sessions(self) -> None:
        self._lab.kill_sessions()

    def _kill_agent(self) -> None:
        for pid in self._lab.running(self._whole):
            if "run" in self._lab.words(pid):
                self._agent_killed = True
                os.kill(pid, signal.SIGKILL)


def lines(file: Path) -> list[bytes]:
    """Return the entries in a journal file or a file of received entries."""
    if not file.exists():
        return []
    read = file.read_bytes().splitlines(True)
    return [line for line in read if line.startswith(b'{"n":') and line.endswith(b"\n")]


def expected() -> Iterator[str]:
    """Yield the lines that the cell prints."""
    for i in range(LINES):
        yield f"line {i}"
        if size := dict(LONG).get(i):
            yield "".join(random.Random(i).choices("0123456789", k=size))


def number(entries: list[bytes]) -> int:
    """Return the number of the last entry."""
    return read_line(entries[-1]).n if entries else 0


def play(seeds: Sequence[int]) -> dict[int, str]:
    """Play these sequences one after the other; return the failure of each failed seed."""
    wrong = {}
    lab = Lab()
    try:
        for seed in seeds:
            bad_luck = BadLuck(lab, seed)
            try:
                bad_luck.play()
            except AssertionError as error:
                wrong[seed] = f"{error} ({', '.join(bad_luck.log)})"
            print(seed, *bad_luck.log, wrong.get(seed, "ok"), flush=True)
    finally:
        lab.close()
    return wrong


def main(first: int, count: int, beside: int = 2) -> None:
    seeds = range(first, first + count)
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(beside) as pool:
        os.environ["DL_MAGICS_HOME"] = home
        wrong = [each for each in pool.map(play, [seeds[i::beside] for i in range(beside)]) if each]
    sys.exit(f"{count} sequences; wrong: {wrong}" if wrong else None)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
