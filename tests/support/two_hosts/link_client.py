"""A client in a process of its own, which can be killed.

Started as `link_client.py HOME ADDRESS_FILE RUN_DIR JOURNAL`. It records the journal in the file
JOURNAL, from the last entry recorded on, and sends the code of `ask.py` in the same folder as a
request; every start sends the same request id, so the code runs once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(home: str, address: Path, run_dir: str, journal: Path) -> None:
    os.environ["DL_MAGICS_HOME"] = home
    from dl_magics.errors import NoAnswer
    from dl_magics.gpu_kernel.agent_connection import AgentConnection
    from dl_magics.gpu_kernel.client import GpuKernel
    from dl_magics.gpu_kernel.journal_entry import build_request
    from dl_magics.ssh import blocking
    from dl_magics.ssh.target import SshTarget
    from support.two_hosts.journal_file import JournalFile
    from support.two_hosts.lab import login_at

    def find() -> SshTarget:
        return login_at(address.read_text())

    kernel = None
    while kernel is None:
        # The link may fail while it is disturbed: retry, as a user would.
        try:
            kernel = GpuKernel.attach(find, run_dir, sys.executable)
        except NoAnswer as error:
            print(run_dir, error, file=sys.stderr)
    kernel.close()
    content = {"code": journal.with_name("ask.py").read_text(), "silent": False}
    request = build_request("link_client", "execute_request", content, "asked-once")
    recorded = JournalFile(journal)

    async def run_and_record() -> None:
        link = await AgentConnection.open(
            find, kernel.run_dir, sys.executable, recorded.n, name="link_client"
        )
        link.send("shell", request)
        await recorded.record(link)

    blocking.wait_for(run_and_record())


if __name__ == "__main__":
    home, address, run_dir, journal = sys.argv[1:]
    main(home, Path(address), run_dir, Path(journal))
