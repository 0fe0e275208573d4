"""The link to a kernel on an instance, beside what else there is; as root, with real OpenSSH.

    python benchmarks/link.py            # about 4 minutes

Prints the round trip of a cell at 0 and 50 ms of delay, beside `ssh host true`, fresh and over
an open connection, and beside sshpyk (installed under build/); the lines that are lost in a cut
of 20 s by ours, by sshpyk and by a Jupyter Server behind an SSH tunnel, with a tunnel that
notices the cut after 15 s and with one that waits for ever; the time from attaching to the first
result; the agent's memory.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]
os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()

import link_jupyter  # noqa: E402

ROUNDS = 30
LINES = 350
NEVER = "-oServerAliveInterval=0"
CUT_AFTER = 5.0
CUT_SECONDS = 20.0
COUNT = f"import time\nfor i in range({LINES}): print('line', i, flush=True); time.sleep(0.1)"


def main() -> None:
    from machine import machine

    from dl_magics.remote.kernel import GpuKernel
    from lab import Lab, missing

    if why := missing():
        sys.exit(f"No lab of two hosts here: {why}")
    print(machine())
    lab = Lab()
    try:
        with lab.entered():
            started = time.perf_counter()
            kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
            attached = time.perf_counter()
            list(kernel.execute("1"))
            first = time.perf_counter()
            print(
                f"attach {attached - started:.2f} s, then the first result {first - attached:.2f} s"
            )
            print(f"agent {memory(lab, kernel):.0f} MB")
            round_trips(lab, kernel)
            lost_in_a_cut(lab, kernel)
            kernel.shutdown()
    finally:
        lab.close()


def round_trips(lab, kernel) -> None:
    config = ssh_config(lab)
    master = [*on_laptop(lab), "ssh", "-F", str(config), "-fNM", "there"]
    print(f"\nround trip, ms (median of {ROUNDS})      0 ms    50 ms")
    told: dict[str, list[float]] = {}
    ssh = [*on_laptop(lab), "ssh", "-F", str(config)]
    for delay in (0, 0.025):
        lab.wire(f"delay {delay}")
        subprocess.run(master, check=True)
        ways: dict[str, Callable[[], object]] = {
            "dl_magics, a cell": lambda: list(kernel.execute("1")),
            "ssh there true, fresh": lambda: run([*ssh, "-S", "none", "there", "true"]),
            "ssh there true, multiplexed": lambda: run([*ssh, "there", "true"]),
        }
        for name, way in ways.items():
            told.setdefault(name, []).append(median(way))
        run([*ssh, "-O", "exit", "there"])
    lab.mend()
    rival = sshpyk(lab, config, "round_trips")
    told["sshpyk, a cell"] = rival["milliseconds"]
    for name, (near, far) in told.items():
        print(f"{name:<36} {near:6.1f} {far:8.1f}")


def lost_in_a_cut(lab, kernel) -> None:
    from talk import printed

    print(f"\nin a cut of {CUT_SECONDS:.0f} s, of {LINES} lines   lost   twice   back after")
    answer = kernel.execute(COUNT)
    came = [(time.time(), printed([next(answer)]))]
    cutting = threading.Thread(target=cut, args=(lab,))
    cutting.start()
    came += [(time.time(), printed([message])) for message in answer]
    cutting.join()
    show_lost("dl_magics", came)
    config = ssh_config(lab)
    show_lost("sshpyk", sshpyk(lab, config, "lost", cut)["came"])
    with jupyter_server(lab):
        for name, alive in (("notices", "-oServerAliveInterval=5"), ("waits", NEVER)):
            ssh = shlex.join(["ssh", "-F", str(config), "-S", "none", alive])
            told = rival(lab, [sys.executable, str(HERE / "link_jupyter.py"), ssh, COUNT], cut)
            show_lost(f"Jupyter Server, the tunnel {name}", told["came"])


def show_lost(name: str, came: list[tuple[float, str]]) -> None:
    lines = [line for line in "".join(text for _, text in came).splitlines() if "line" in line]
    lost, twice = LINES - len(set(lines)), len(lines) - len(set(lines))
    back = min((at - healed[-1] for at, _ in came if at > healed[-1]), default=float("nan"))
    print(f"{name:<36} {lost:6} {twice:7} {back:10.2f} s", flush=True)


healed: list[float] = []


def cut(lab) -> None:
    time.sleep(CUT_AFTER)
    lab.wire("down")
    time.sleep(CUT_SECONDS)
    lab.wire("up")
    healed.append(time.time())


@contextmanager
def jupyter_server(lab) -> Iterator[None]:
    """An ordinary server on the instance, that only the instance itself can reach."""
    words = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"]
    options = [f"--port={link_jupyter.PORT}", f"--IdentityProvider.token={link_jupyter.TOKEN}"]
    server = subprocess.Popen(
        ["ip", "netns", "exec", lab.instance, *words, *options],
        cwd=lab.folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def median(way: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        way()
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1000


def memory(lab, kernel) -> float:
    (pid,) = [pid for pid in lab.running(kernel.run_dir) if "run" in lab.words(pid)]
    (kilobytes,) = [
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return kilobytes / 1024


def sshpyk(lab, config: Path, what: str, meanwhile: Callable | None = None) -> dict:
    """Let sshpyk, in an environment of its own, do the same; return what it measured."""
    program = [HERE / "link_sshpyk.py", what, config, ROUNDS, COUNT]
    return rival(lab, [str(sshpyk_environment()), *map(str, program)], meanwhile)


def rival(lab, program: list[str], meanwhile: Callable | None = None) -> dict:
    """Run a program on the laptop that says when to change the wire, and at last what it saw."""
    asked = subprocess.Popen(
        [*on_laptop(lab), *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    for line in asked.stdout:
        if line.startswith("delay "):
            lab.wire(line.strip())
            asked.stdin.write("done\n")
            asked.stdin.flush()
        elif line.startswith("begun"):
            meanwhile(lab)
        elif line.startswith("{"):
            asked.wait()
            return json.loads(line)
    sys.exit(f"{program[1]} did not end.")


def sshpyk_environment() -> Path:
    folder = HERE.parent / "build" / "sshpyk"
    python = folder / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(python), "-m", "pip", "install", "-q", "sshpyk", "ipykernel"])
        run([str(python), "-m", "ipykernel", "install", "--prefix", str(folder), "--name", "there"])
    return python


def ssh_config(lab) -> Path:
    login = lab.login()
    known = lab.folder / "known_hosts"
    from dl_magics.remote import hostkeys

    known.write_text("".join(f"{line}\n" for line in hostkeys.pinned(login.alias)))
    file = lab.folder / "ssh_config"
    file.write_text(
        f"Host there\n  HostName {login.host}\n  User {login.user}\n"
        f"  IdentityFile {login.key_file}\n  HostKeyAlias {login.alias}\n"
        f"  UserKnownHostsFile {known}\n  BatchMode yes\n  ControlMaster auto\n"
        f"  ControlPath {lab.folder}/control\n  ControlPersist 10m\n"
        "  ServerAliveInterval 5\n  ConnectTimeout 5\n"
    )
    return file


def on_laptop(lab) -> list[str]:
    return ["ip", "netns", "exec", lab.laptop]


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
