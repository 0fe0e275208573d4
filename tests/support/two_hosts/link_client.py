"""A client in a process of its own, which can be killed.

It is started as `client.py HOME ADDRESS_FILE RUN_DIR MIRROR`, mirrors the journal, and asks for
what it finds beside the mirror as `ask.py`; whoever comes again asks it again, by the same id.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def main(home: str, address: Path, run_dir: str, mirror: Path) -> None:
    os.environ["DL_MAGICS_HOME"] = home
    from dl_magics.errors import NoAnswer
    from dl_magics.gpu_kernel.client import GpuKernel
    from dl_magics.gpu_kernel.local_journal import Mirror
    from support.two_hosts.lab import login_at

    kept = Mirror(mirror)
    kernel = None
    while kernel is None:
        # In a storm a person tries it again.
        try:
            kernel = GpuKernel.attach(
                lambda: login_at(address.read_text()), run_dir, sys.executable, mirror=kept
            )
        except NoAnswer as error:
            print(run_dir, error, file=sys.stderr)
    code = mirror.with_name("ask.py").read_text()
    kernel.execute(code, msg_id="asked-once")
    while True:
        time.sleep(60)


if __name__ == "__main__":
    home, address, run_dir, mirror = sys.argv[1:]
    main(home, Path(address), run_dir, Path(mirror))
