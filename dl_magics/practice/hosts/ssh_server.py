"""One instance of the practice cloud: an SSH server without root, in a process of its own.

It ends, with everything that was started in it, when its standard input closes. It says
`port N`, `shutdown` and `reboot` on its standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import asyncssh
import psutil

from dl_magics.practice.hosts import cloud_init, stdio

MARK = "DL_MAGICS_PRACTICE_INSTANCE"
USERS = ("ubuntu", "ec2-user")
CHILD_SUBREAPER = 36
# What leads to the world outside is the same as on this computer, and how much of it is used.
OUTSIDE = (
    *("LANG", "TMPDIR", "TF_CPP_MIN_LOG_LEVEL", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"),
)
LOOK_SECONDS = 0.1


class Server(asyncssh.SSHServer):
    """Lets in who has the key in authorized_keys, as ubuntu or ec2-user."""

    def __init__(self, home: Path) -> None:
        self._authorized = home / ".ssh" / "authorized_keys"

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if username in USERS:
            # Without one good key in the file nobody comes in; the connection itself is well.
            with suppress(OSError, ValueError):
                self._connection.set_authorized_keys(str(self._authorized))
        return True

    def connection_requested(self, dest_host: str, *_: object) -> bool:
        return dest_host in ("127.0.0.1", "localhost", "::1")

    def unix_connection_requested(self, *_: object) -> bool:
        return True


class Host:
    """The instance whose folder this is: `home`, `bin`, `etc/ssh`.

    Parameters
    ----------
    folder
        What belongs to the instance; its name is the instance's id.
    metadata
        Where the host finds the facts about itself, as on EC2.
    """

    def __init__(self, folder: Path, metadata: str) -> None:
        self.home = folder / "home"
        self.host_key = folder / "etc" / "ssh" / "ssh_host_ed25519_key"
        self._folder = folder
        self._timer = folder / "shutdown"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name in OUTSIDE},
            "HOME": str(self.home),
            "SHELL": "/bin/bash",
            "PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
            "DL_MAGICS_PRACTICE_FOLDER": str(folder),
            MARK: folder.name,
        }

    async def serve(self) -> None:
        """Answer SSH until there is no more power."""
        acceptor = await asyncssh.create_server(
            lambda: Server(self.home),
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.read_private_key(self.host_key)],
            process_factory=self._run,
            sftp_factory=self._sftp,
            allow_scp=True,
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
        )
        _say(f"port {acceptor.get_port()}")
        power = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        first = asyncio.create_task(cloud_init.run(self._folder, self._environment))
        key_of = self.host_key.stat().st_mtime_ns
        while not power.done():
            await asyncio.wait([power], timeout=LOOK_SECONDS)
            self._look_at_timer()
            # While the two halves of a new key are being put there, they do not fit: the next look.
            with suppress(OSError, asyncssh.KeyImportError, ValueError):
                if (changed := self.host_key.stat().st_mtime_ns) != key_of:
                    acceptor.update(server_host_keys=[asyncssh.read_private_key(self.host_key)])
                    key_of = changed
        first.cancel()

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command = ["/bin/bash", "-c", process.command] if process.command else ["/bin/bash", "-l"]
        environment = {**self._environment, "USER": process.get_extra_info("username")}
        if terminal := process.get_terminal_type():
            columns, lines, _, _ = process.get_terminal_size()
            spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
            command = [sys.executable, "-c", spawn, *command]
            environment.update(TERM=terminal, COLUMNS=str(columns), LINES=str(lines))
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.home,
            env=environment,
            start_new_session=True,
        )
        assert child.stdout
        assert child.stderr
        feeding = asyncio.ensure_future(stdio.feed(process.stdin, child))
        # An end of output that is told before the exit status makes clients close without it.
        await asyncio.gather(
            stdio.said(child.stdout, process.stdout), stdio.said(child.stderr, process.stderr)
        )
        code = await child.wait()
        feeding.cancel()
        process.exit(code if code >= 0 else 128 - code)

    def _sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return Files(channel, self.home)

    def _look_at_timer(self) -> None:
        if not self._timer.exists():
            return
        due, _, what = self._timer.read_text().partition(" ")
        if due and float(due) <= time.time():
            self._timer.unlink()
            _say(what)


class Files(asyncssh.SFTPServer):
    """Files over SFTP; what is not absolute starts in the home folder."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)  # noqa: PTH118 - paths are bytes here

    def reverse_map_path(self, path: bytes) -> bytes:
        return path


def power_off(instance_id: str) -> None:
    """End everything that runs in this instance, however it was detached."""
    for _ in range(20):
        running = _inside(instance_id)
        for process in running:
            process.kill()
        if not psutil.wait_procs(running, timeout=1)[1] and not _inside(instance_id):
            return


def _inside(instance_id: str) -> list[psutil.Process]:
    found = {process.pid: process for process in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == instance_id:
                found[process.pid] = process
        except psutil.Error:
            continue
    return list(found.values())


def _adopt_orphans() -> None:
    # What detaches itself twice stays our descendant; elsewhere its environment tells.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)


def _say(line: str) -> None:
    print(line, flush=True)


async def _live(host: Host, instance_id: str) -> None:
    try:
        await host.serve()
    finally:
        power_off(instance_id)
        # As when the power goes: no connection is told.
        os._exit(0)


def main() -> None:
    """Run the instance of one folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("metadata")
    parser.add_argument("boot_seconds", type=float)
    options = parser.parse_args()
    _adopt_orphans()
    time.sleep(options.boot_seconds)
    asyncio.run(_live(Host(options.folder, options.metadata), options.folder.name))


if __name__ == "__main__":
    main()
