"""Two virtual hosts: a laptop and an instance with real OpenSSH on port 22, and a wire.

They are network namespaces, so nothing leaves this computer, and the wire can be cut.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dl_magics.ssh import blocking, keys, known_hosts
from dl_magics.ssh.target import SshTarget
from support import command
from support.two_hosts import link_client, outside, relay

LAPTOP = "198.51.100.1"
INSTANCE = "198.51.100.10"
ELSEWHERE = "198.51.100.11"
SSHD = "/usr/sbin/sshd"
_CONFIG = """
Port 22
HostKey {host_key}
AuthorizedKeysFile {folder}/authorized_keys
SetEnv HOME={folder}/home
Subsystem sftp internal-sftp -d {folder}/home
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
MaxSessions 100
MaxStartups 100
{more}
"""


def missing() -> str:
    """Return why a lab cannot be created on this computer; "" if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces need root"
    if not Path(SSHD).exists():
        return "openssh-server is not installed"
    if not (shutil.which("ip") and shutil.which("iptables")):
        return "iproute2 or iptables is not installed"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    tried = subprocess.run(["ip", "netns", "add", f"try-{os.getpid()}"], check=False)
    subprocess.run(["ip", "netns", "del", f"try-{os.getpid()}"], check=False)
    return "network namespaces cannot be created" if tried.returncode else ""


class Lab:
    """Both hosts and the wire.

    Parameters
    ----------
    more
        Further lines for sshd_config.
    """

    def __init__(self, more: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lab", dir="/tmp"))
        self.laptop = f"lap-{self.folder.name[3:]}"
        self.instance = f"gpu-{self.folder.name[3:]}"
        self.address_file = self.folder / "address"
        self.address_file.write_text(INSTANCE)
        self.home = os.environ["DL_MAGICS_HOME"]
        self._run_dirs = 0
        (self.folder / "home").mkdir(mode=0o700)
        for namespace in (self.laptop, self.instance):
            subprocess.run(["ip", "netns", "add", namespace], check=True)
        self._wire = subprocess.Popen(
            [*command(relay), self.laptop, LAPTOP, self.instance, INSTANCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._answer()
        (self.folder / "authorized_keys").write_text(keys.ensure_key_pair("lab").public + "\n")
        self._configure(more)
        self.sshd = self.start_sshd()

    @property
    def address(self) -> str:
        """The current address of the instance."""
        return self.address_file.read_text()

    def login(self) -> SshTarget:
        """Return the SSH target at the current address."""
        return login_at(self.address)

    def client(self, run_dir: str, journal: Path) -> subprocess.Popen[bytes]:
        """Start a client on the laptop, in its own process, that records the journal in a file."""
        program = [*command(link_client), self.home, str(self.address_file)]
        return subprocess.Popen(
            ["ip", "netns", "exec", self.laptop, *program, run_dir, str(journal)]
        )

    def new_run_dir(self) -> str:
        """Return a run folder that has not been used."""
        self._run_dirs += 1
        return f"~/.dlm/{self._run_dirs:08x}"

    def wire(self, change: str) -> None:
        """Set the wire to `down`, `up`, `delay SECONDS`, `loss SHARE` or `rate BYTES`."""
        assert self._wire.stdin
        self._wire.stdin.write(change + "\n")
        self._answer()

    def inside(self, *command: str, where: str = "instance") -> str:
        """Run a command in the network namespace of a host."""
        words = ["ip", "netns", "exec", getattr(self, where), *command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def rule(self, *rule: str) -> None:
        """Add a rule to the instance's packet filter."""
        self.inside("iptables", "-A", *rule)

    def refuse(self) -> None:
        """Make the instance reset each connection, as if the port were closed."""
        reset = "-j REJECT --reject-with tcp-reset"
        self.rule("INPUT", "-p", "tcp", "-s", LAPTOP, *reset.split())

    def mend(self) -> None:
        """Remove all disturbances of the wire and the packet filter."""
        self.inside("iptables", "-F")
        for change in ("up", "delay 0", "loss 0", "rate 0"):
            self.wire(change)

    def move(self) -> None:
        """Change the address of the instance, as a stop and a start do."""
        new = ELSEWHERE if self.address == INSTANCE else INSTANCE
        change = ["dev", relay.NAME]
        self.inside("ip", "address", "del", self.address, "peer", LAPTOP, *change)
        self.inside("ip", "address", "add", new, "peer", LAPTOP, *change)
        self.inside("ip", "address", "del", LAPTOP, "peer", self.address, *change, where="laptop")
        self.inside("ip", "address", "add", LAPTOP, "peer", new, *change, where="laptop")
        self.address_file.write_text(new)

    def start_sshd(self) -> subprocess.Popen[bytes]:
        """Start OpenSSH's server on the instance."""
        Path("/run/sshd").mkdir(exist_ok=True)
        words = [SSHD, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.folder / "log")]
        server = subprocess.Popen(["ip", "netns", "exec", self.instance, *words])
        while ":22 " not in self.inside("ss", "-ltnH"):
            assert server.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)
        return server

    def kill_sessions(self) -> None:
        """Kill the processes of sshd for all open connections."""
        for pid in self._children(self.sshd.pid):
            os.kill(pid, signal.SIGKILL)

    def running(self, word: str) -> list[int]:
        """Return the processes on the instance whose command line contains this word."""
        pids = map(
            int,
            subprocess.run(
                ["ip", "netns", "pids", self.instance], check=True, capture_output=True, text=True
            ).stdout.split(),
        )
        return [pid for pid in pids if word.encode() in _command_line(pid)]

    def end(self, run_dir: str) -> None:
        """End the agent and the kernel of a run folder."""
        while pids := self.running(run_dir):
            for pid in pids:
                _kill(pid)

    def words(self, pid: int) -> list[str]:
        """Return the command line of a process."""
        return _command_line(pid).decode().split("\0")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move the thread of the event loop, with its connections, to the laptop.

        Its worker threads stay outside, where the practice cloud is.
        """
        outside.use_threads_of_here()
        with (Path("/proc/self/ns/net")).open() as own:
            blocking.wait_for(_enter(self.laptop))
            try:
                yield
            finally:
                blocking.wait_for(_enter(own.fileno()))

    @contextmanager
    def small_disk(self, name: str, size: int) -> Iterator[Path]:
        """Mount a disk of `size` bytes in the home folder of the instance, visible only there."""
        place = self.folder / "home" / name
        place.mkdir(exist_ok=True)
        on_it = ["nsenter", "--target", str(self.sshd.pid), "--mount"]
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        subprocess.run([*on_it, *mount], check=True)
        try:
            yield place
        finally:
            subprocess.run([*on_it, "umount", "-l", str(place)], check=True)

    def seen(self, place: Path) -> Path:
        """Return the path on this computer for a path of the instance, including mounts."""
        return Path(f"/proc/{self.sshd.pid}/root", *place.parts[1:])

    def close(self) -> None:
        """End all processes on both hosts."""
        self.sshd.terminate()
        self.sshd.wait()
        for namespace in (self.laptop, self.instance):
            while pids := subprocess.run(
                ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True
            ).stdout.split():
                for pid in pids:
                    _kill(int(pid))
                time.sleep(0.02)
        assert self._wire.stdin
        self._wire.stdin.close()
        self._wire.wait()
        for namespace in (self.laptop, self.instance):
            subprocess.run(["ip", "netns", "del", namespace], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self, more: str) -> None:
        host = keys.ensure_key_pair("lab-host")
        known_hosts.pin_keys("i-0lab", host.public)
        config = _CONFIG.format(folder=self.folder, host_key=host.file, more=more)
        (self.folder / "sshd_config").write_text(config)

    def _answer(self) -> None:
        assert self._wire.stdout
        assert self._wire.stdout.readline(), "the wire broke"

    def _children(self, pid: int) -> list[int]:
        said = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in said]


def login_at(address: str) -> SshTarget:
    """Return the SSH target for an address."""
    key = keys.ensure_key_pair("lab").file
    return SshTarget(
        alias="i-0lab", name="gpu", host=address, user="root", key_file=key, is_instance=True
    )


async def _enter(namespace: str | int) -> None:
    relay.enter(namespace)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
