"""The process of one host: an SSH server that runs without root.

Its standard input has one line, the URL of the metadata service. It stops, with all processes that
were started in it, when this input closes. On standard output it reports `port N`, `shutdown` and
`reboot`.
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

from dl_magics.practice.hosts import (
    cloud_init,
    cpu_time,
    guest_commands,
    sdk_settings,
    stdio,
    system_files,
)

INSTANCE_VARIABLE = "DL_MAGICS_PRACTICE_INSTANCE"
USER_FILE = "login-user"
"""In the folder of a host: the only user that may log in."""
CHILD_SUBREAPER = 36
# A host uses the proxies, package indexes and thread limits of this computer.
INHERITED_VARIABLES = (
    *("LANG", "TMPDIR", "TF_CPP_MIN_LOG_LEVEL", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"),
)
POLL_SECONDS = 0.2


class PracticeSshServer(asyncssh.SSHServer):
    """Accepts the keys in authorized_keys, for the login user of the image."""

    def __init__(self, folder: Path) -> None:
        self._user = (folder / USER_FILE).read_text(encoding="utf-8")
        self._authorized = folder / "home" / ".ssh" / "authorized_keys"

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if username == self._user:
            # Without a valid key in the file every login is refused.
            with suppress(OSError, ValueError):
                self._connection.set_authorized_keys(str(self._authorized))
        return True

    def connection_requested(self, dest_host: str, *_: object) -> bool:
        return dest_host in ("127.0.0.1", "localhost", "::1")

    def unix_connection_requested(self, *_: object) -> bool:
        return True

    def server_requested(self, listen_host: str, _listen_port: int) -> bool:
        # As sshd does by default, GatewayPorts no: a remote forward listens on the loopback.
        return listen_host in ("127.0.0.1", "localhost", "::1")


class PracticeHost:
    """The host of one instance.

    Parameters
    ----------
    folder
        The folder of the host, named by the instance id, with `home`, `bin` and `etc/ssh`.
    metadata
        The URL of the metadata of the instance.
    minute
        The seconds that a minute of `shutdown` takes.
    """

    def __init__(self, folder: Path, metadata: str, minute: float) -> None:
        self.home = folder / "home"
        self.host_key = folder / "etc" / "ssh" / "ssh_host_ed25519_key"
        self._folder = folder
        self._timer = folder / "shutdown"
        self._files = system_files.SystemFiles(folder)
        self._environment = {
            **{name: value for name, value in os.environ.items() if name in INHERITED_VARIABLES},
            "HOME": str(self.home),
            "SHELL": "/bin/bash",
            "PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            **sdk_settings.make_variables(metadata),
            guest_commands.FOLDER_VARIABLE: str(folder),
            guest_commands.MINUTE_VARIABLE: str(minute),
            INSTANCE_VARIABLE: folder.name,
        }

    async def serve(self) -> None:
        """Serve SSH until the host is powered off."""
        await cloud_init.run_boot_commands(self._folder, self._environment)
        acceptor = await asyncssh.create_server(
            lambda: PracticeSshServer(self._folder),
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
        _report(f"port {acceptor.get_port()}")
        powered_off = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        user_data = asyncio.create_task(cloud_init.run_user_data(self._folder, self._environment))
        counting = asyncio.create_task(self._files.keep_current())
        key_changed = self.host_key.stat().st_mtime_ns
        while not powered_off.done():
            await asyncio.wait([powered_off], timeout=POLL_SECONDS)
            self._check_shutdown_timer()
            # A key pair that is being replaced does not match yet: try again at the next poll.
            with suppress(OSError, asyncssh.KeyImportError, ValueError):
                if (changed := self.host_key.stat().st_mtime_ns) != key_changed:
                    acceptor.update(server_host_keys=[asyncssh.read_private_key(self.host_key)])
                    key_changed = changed
        user_data.cancel()
        counting.cancel()

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command = ["/bin/bash", "-c", process.command] if process.command else ["/bin/bash", "-l"]
        # As OpenSSH has it: the address and port of the client, then those of this side.
        ends = (*process.get_extra_info("peername")[:2], *process.get_extra_info("sockname")[:2])
        environment = {
            **self._environment,
            "USER": process.get_extra_info("username"),
            "SSH_CONNECTION": " ".join(map(str, ends)),
        }
        if terminal := process.get_terminal_type():
            columns, lines, _, _ = process.get_terminal_size()
            spawn = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
            linked = system_files.link_terminal(self._folder)
            command = [sys.executable, "-c", spawn, *linked, *command]
            environment.update(TERM=terminal, COLUMNS=str(columns), LINES=str(lines))
        output, errors = await stdio.OutputPipe.open(), await stdio.OutputPipe.open()
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output.end,
                stderr=errors.end,
                cwd=self.home,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(output.end)
            os.close(errors.end)
        feeding = asyncio.ensure_future(stdio.forward_input(process.stdin, child))
        # Clients that see the end of output first close without the exit status.
        await asyncio.gather(output.forward(process.stdout), errors.forward(process.stderr))
        code = await child.wait()
        feeding.cancel()
        process.exit(code if code >= 0 else 128 - code)

    def _sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return HomeSftpServer(channel, self.home)

    def _check_shutdown_timer(self) -> None:
        if not self._timer.exists():
            return
        due, _, what = self._timer.read_text().partition(" ")
        if due and float(due) <= time.time():
            self._timer.unlink()
            _report(what)


class HomeSftpServer(asyncssh.SFTPServer):
    """SFTP; relative paths start in the home folder."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)  # noqa: PTH118 - paths are bytes here

    def reverse_map_path(self, path: bytes) -> bytes:
        return path


def kill_processes(instance_id: str) -> None:
    """Kill all processes of an instance, detached ones too."""
    for _ in range(20):
        running = _processes_of(instance_id)
        for process in running:
            process.kill()
        if not psutil.wait_procs(running, timeout=1)[1] and not _processes_of(instance_id):
            return


def _processes_of(instance_id: str) -> list[psutil.Process]:
    found = {process.pid: process for process in cpu_time.list_descendants(os.getpid())}
    if sys.platform != "linux":  # there all orphans were adopted
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(INSTANCE_VARIABLE) == instance_id:
                    found[process.pid] = process
    return list(found.values())


def _adopt_orphans() -> None:
    # On Linux, a process that detaches twice stays our child; elsewhere its environment marks it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)


def _report(line: str) -> None:
    print(line, flush=True)


async def _run_host(host: PracticeHost, instance_id: str) -> None:
    try:
        await host.serve()
    finally:
        kill_processes(instance_id)
        # As in a power failure: connections are not closed.
        os._exit(0)


def main() -> None:
    """Run the host of the folder that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("boot_seconds", type=float)
    parser.add_argument("minute", type=float)
    options = parser.parse_args()
    _adopt_orphans()
    metadata = sys.stdin.readline().strip()
    time.sleep(options.boot_seconds)
    host = PracticeHost(options.folder, metadata, options.minute)
    asyncio.run(_run_host(host, options.folder.name))


if __name__ == "__main__":
    main()
