"""Run many random histories on all cores, in blocks; each block has a seed that repeats it.

python tests/support/in_process/many_histories.py 10000
python tests/support/in_process/many_histories.py 200 --seed 17
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path

BLOCK = 200
# What a process prepares stays until it ends.
_prepared = contextlib.ExitStack()


@dataclass(frozen=True)
class Block:
    """The result of one block of histories; `violation` is empty or the history that failed."""

    seed: int
    histories: int
    cpu_seconds: float
    violation: str


def prepare_process() -> None:
    """Prepare a process that runs blocks: an empty home folder, a shell with the magics."""
    Finalize(None, _prepared.close, exitpriority=1)
    scratch = Path(_prepared.enter_context(tempfile.TemporaryDirectory()))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"HOME": str(scratch), "DL_MAGICS_HOME": str(scratch / "dl_magics")}

    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from support.in_process import histories

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "dl_magics")
    _prepared.enter_context(histories.prepared_stage(shell.run_line_magic, scratch))


def run_block(seed: int, count: int) -> Block:
    """Run the histories of a seed in this process, which was prepared."""
    from support.in_process import histories

    before, began, violation = histories.stage.histories, time.process_time(), ""
    try:
        histories.run_histories(count, seed_=seed)
    except Exception:
        violation = traceback.format_exc()
    run = histories.stage.histories - before
    return Block(seed, run, time.process_time() - began, violation)


def run_blocks(count: int, first: int, processes: int) -> int:
    """Run at least `count` histories, print each block; return how many violated a rule."""
    began, run, violations = time.monotonic(), 0, 0
    sizes = [BLOCK] * (count // BLOCK) + [count % BLOCK] * (count % BLOCK > 0)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, prepare_process) as pool:
        blocks = [pool.submit(run_block, first + at, size) for at, size in enumerate(sizes)]
        for each in as_completed(blocks):
            block = each.result()
            run += block.histories
            seconds, each_one = time.monotonic() - began, block.cpu_seconds / block.histories
            print(f"{run} histories, {seconds:.0f} s, {each_one:.3f} CPU s each", flush=True)
            if block.violation:
                violations += 1
                print(block.violation)
                print(f"Seed {block.seed} violates a rule; it alone: {BLOCK} --seed {block.seed}")
    print(f"{run} histories with {violations} violations in {time.monotonic() - began:.0f} s")
    return violations


def main() -> None:
    """Run the histories that the command line asks for; exit with 1 after a violation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="how many histories, at least")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first block")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    sys.exit(min(run_blocks(asked.count, asked.seed, asked.processes), 1))


if __name__ == "__main__":
    # IPython replaces the module __main__ in a process: functions are found in this one.
    from support.in_process import many_histories

    many_histories.main()
