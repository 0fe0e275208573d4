"""The link to a kernel on an instance, beside what else there is; as root, with real OpenSSH.

    python benchmarks/link.py            # about 4 minutes

Prints the time from `%gpu_connect` in a fresh notebook kernel to the first result of `%%gpu`, on a
host that has no agent yet, at 0 and 50 ms of delay; the agent's memory; the round trip of a cell,
beside `ssh host true`, fresh and over an open connection, and beside sshpyk (installed under
build/); the lines that are lost in a cut of 20 s, and when the next one comes after it, by ours, by
sshpyk and by a Jupyter Server behind `ssh -L` (link_jupyter.py says what was given to it).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]
os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()

ROUNDS = 30
LINES = 350
CUT_AFTER = 5.0
CUT_SECONDS = 20.0
# With 5 s the tunnel ends in the cut and is started again, with 30 s it outlives the cut.
KEEPALIVES = (5, 30)
LAST = f"line {LINES - 1}"
COUNT = f"import time\nfor i in range({LINES}): print('line', i, flush=True); time.sleep(0.1)"


def main() -> None:
    from machine import machine

    from dl_magics.gpu_kernel.client import GpuKernel
    from support.two_hosts.lab import Lab, missing

    if why := missing():
        sys.exit(f"No lab of two hosts here: {why}")
    print(machine())
    lab = Lab()
    try:
        with lab.entered():
            first_results(lab)
            kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
            list(kernel.execute("1"))
            print(f"\nagent {memory(lab, kernel):.0f} MB")
            round_trips(lab, kernel)
            lost_in_a_cut(lab, kernel)
            kernel.shutdown()
    finally:
        lab.close()


def first_results(lab) -> None:
    """Let there be one Python with all that is needed, in a folder where people have theirs."""
    from dl_magics.ssh import known_hosts

    login = lab.login()
    where = f"{login.user}@{login.host}"
    known_hosts.pin_keys(
        where, *(line.partition(" ")[2] for line in known_hosts.pinned_lines(login.alias))
    )
    (lab.folder / "home/.venvs").mkdir()
    (lab.folder / "home/.venvs/gpu").symlink_to(sys.prefix)
    print(f"\n{'from %gpu_connect to the first result, s':<44}  0 ms    50 ms")
    told: dict[str, list[float]] = {}
    for delay in (0, 0.025):
        lab.wire(f"delay {delay}")
        for part, took in rival(lab, "link_first.py", where, str(login.key_file)).items():
            told.setdefault(part, []).append(took)
        lab.end(".dlm")
        shutil.rmtree(lab.folder / "home/.dlm")
    lab.mend()
    for part, (near, far) in told.items():
        print(f"{part:<42} {near:7.2f} {far:8.2f}")


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
    told["sshpyk, a cell"] = sshpyk(lab, config, "round_trips")["milliseconds"]
    for name, (near, far) in told.items():
        print(f"{name:<36} {near:6.1f} {far:8.1f}")


def lost_in_a_cut(lab, kernel) -> None:
    from support.messages import printed

    print(f"\nin a cut of {CUT_SECONDS:.0f} s, of {LINES} lines          lost   twice   back after")
    with ThreadPoolExecutor() as beside:
        answer = kernel.execute(COUNT)
        healing = beside.submit(cut, lab)
        came = [(time.monotonic(), printed([message])) for message in answer]
    tell("dl_magics", came, healing.result())
    config = ssh_config(lab)
    healed: list[float] = []
    said = sshpyk(lab, config, "lost", lambda: healed.append(cut(lab)))
    tell("sshpyk", said["came"], healed[-1])
    for alive in KEEPALIVES:
        program = ("link_jupyter.py", lab.instance, str(config), str(alive), COUNT, LAST)
        said = rival(lab, *program, meanwhile=lambda: healed.append(cut(lab)))
        tell(f"Jupyter Server, ServerAliveInterval {alive}", said["came"], healed[-1])


def tell(name: str, came: list[tuple[float, str]], healed: float) -> None:
    """Print how many lines never came or came again, and when the first one after the cut came."""
    words = "".join(text for _, text in came).splitlines()
    said = [line for line in words if line.startswith("line ")]
    lost, twice = LINES - len(set(said)), len(said) - len(set(said))
    back = next((f"{at - healed:10.2f} s" for at, text in came if text and at > healed), "never")
    print(f"{name:<40} {lost:6} {twice:7} {back:>12}", flush=True)


def cut(lab) -> float:
    """Cut the wire for a while; return when it was whole again."""
    time.sleep(CUT_AFTER)
    lab.wire("down")
    time.sleep(CUT_SECONDS)
    lab.wire("up")
    return time.monotonic()


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


def sshpyk(lab, config: Path, what: str, meanwhile: Callable[[], object] | None = None) -> dict:
    """Let sshpyk, in an environment of its own, do the same; return what it measured."""
    words = ("link_sshpyk.py", what, str(config), str(ROUNDS), COUNT, LAST)
    return rival(lab, *words, python=sshpyk_environment(), meanwhile=meanwhile)


def rival(
    lab,
    *program: str,
    python: Path | str = sys.executable,
    meanwhile: Callable[[], object] | None = None,
) -> dict:
    """Run a program on the laptop; change the wire as it wishes; return what it measured."""
    asked = subprocess.Popen(
        [*on_laptop(lab), str(python), str(HERE / program[0]), *program[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    for line in asked.stdout:
        if line.startswith("delay "):
            lab.wire(line.strip())
            asked.stdin.write("done\n")
            asked.stdin.flush()
        elif line.startswith("begun"):
            meanwhile()
        elif line.startswith("{"):
            asked.wait()
            return json.loads(line)
    sys.exit(f"{program[0]} did not end.")


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
    from dl_magics.ssh import known_hosts

    known.write_text("".join(f"{line}\n" for line in known_hosts.pinned_lines(login.alias)))
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
