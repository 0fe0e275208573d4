"""A notebook's kernel on the laptop of a lab, in a process that can be killed.

It is started as `notebook.py NAMESPACE CELL …` and runs the cells.
"""

from __future__ import annotations

import sys

from dl_magics.ssh import blocking
from support.kernel import runner, shell_with_magics
from support.two_hosts import outside, relay


async def _enter(namespace: str) -> None:
    relay.enter(namespace)


if __name__ == "__main__":
    outside.use_threads_of_here()
    blocking.wait_for(_enter(sys.argv[1]))
    run = runner(shell_with_magics())
    for cell in sys.argv[2:]:
        run(cell)
