"""Asks the agents of all GPU kernels of a host what they run, whichever notebook they are for."""

from __future__ import annotations

import re
import shlex

from dl_magics.errors import CommandFailed
from dl_magics.ssh import commands
from dl_magics.ssh.target import SshTarget

# It asks twice: a front end that connects makes a kernel busy, too, but only for a moment. The
# folder is entered, as the address of a socket has at most 107 bytes.
_LIST_BUSY = """\
import glob, json, os, socket, time

def is_busy(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(5)
        try:
            end.connect(path)
            end.sendall(b'{"op":"status"}\\n')
            return json.loads(end.makefile("rb").readline(65536)).get("state") == "busy"
        except (ConnectionError, FileNotFoundError):
            return False
        except (OSError, ValueError):
            return True

os.chdir(".dlm")
busy = [*filter(is_busy, sorted(glob.glob("*/agent.sock") + glob.glob("*/sockets/agent.sock")))]
time.sleep(1 if busy else 0)
for path in filter(is_busy, busy):
    print("busy", path.split("/")[0])
"""
_BUSY = re.compile(r"^busy (\w+)$", re.ASCII | re.MULTILINE)


async def list_busy(target: SshTarget) -> list[str]:
    """Return the ids of the GPU kernels that run a cell; one that does not answer may run one.

    Raises CommandFailed where the host has GPU kernels, but they cannot be asked.
    """
    program = f"test -d .dlm || exit 0; exec python3 -I -c {shlex.quote(_LIST_BUSY)}"
    done = await commands.run_command(target, f"sh -c {shlex.quote(program)}")
    if done.code:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.code}"])[-1][:200]
        raise CommandFailed(
            f"The GPU kernels on {target.name} could not be asked what they run: {last}",
            fix=f"Check that {target.name} has python3.",
        )
    return sorted(set(_BUSY.findall(done.stdout)))
