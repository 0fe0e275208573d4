"""The link to a kernel on an instance, beside what else there is; as root, with real OpenSSH.

    python benchmarks/link.py            # about 2 minutes

Prints the round trip of a cell at 0 and 50 ms of delay, beside `ssh host true`, fresh and over
an open connection, and beside sshpyk (installed under build/); the lines
that ours and sshpyk lose in a cut of 20 s; the time from attaching to the first result; the
agent's memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]
os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()

ROUNDS = 30
LINES = 350
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

    wanted = [f"line {i}" for i in range(LINES)]
    answer = kernel.execute(COUNT)
    came = [next(answer)]
    cut(lab)
    healed = time.perf_counter()
    while kernel.state in ("lost", "gone"):
        time.sleep(0.01)
    again = time.perf_counter() - healed
    said = printed([*came, *answer]).splitlines()
    lost, twice = len(set(wanted) - set(said)), len(said) - len(set(said))
    print(f"\nin a cut of {CUT_SECONDS:.0f} s, of {LINES} lines   lost   twice   back after")
    print(f"{'dl_magics':<36} {lost:6} {twice:7} {again:10.2f} s")
    rival = sshpyk(lab, ssh_config(lab), "lost", cut)
    print(f"{'sshpyk':<36} {rival['lost']:6}")


def cut(lab) -> None:
    time.sleep(CUT_AFTER)
    lab.wire("down")
    time.sleep(CUT_SECONDS)
    lab.wire("up")


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
    python = sshpyk_environment()
    program = [str(python), str(HERE / "link_sshpyk.py"), what, str(config), str(ROUNDS), COUNT]
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
    sys.exit("sshpyk did not end.")


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
