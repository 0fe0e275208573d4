"""Compare the connection to a GPU kernel with other tools; needs root and OpenSSH.

    python benchmarks/link.py            # about 4 minutes

Prints, at 0 and 50 ms round trip:

- the seconds from `%gpu_connect` in a fresh notebook kernel to the first result of `%%gpu`, on a
  host without the agent
- the memory of the agent
- the round trip of a cell, compared with `ssh host true` (new and multiplexed) and with sshpyk,
  which is installed under build/
- the lines lost during a network outage of 20 s and the seconds to the next line after it, compared
  with sshpyk and with a Jupyter server behind `ssh -L` (see link_jupyter.py)
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
# With 5 s the tunnel ends during the outage and is restarted, with 30 s it survives.
KEEPALIVES = (5, 30)
LAST = f"line {LINES - 1}"
COUNT = f"import time\nfor i in range({LINES}): print('line', i, flush=True); time.sleep(0.1)"


def main() -> None:
    from machine import describe_machine

    from dl_magics.gpu_kernel.client import GpuKernel
    from support.two_hosts.lab import Lab, missing

    if why := missing():
        sys.exit(f"Two network namespaces are not available: {why}")
    print(describe_machine())
    lab = Lab()
    try:
        with lab.entered():
            measure_first_results(lab)
            kernel = GpuKernel.attach(lab.login, lab.new_run_dir(), sys.executable)
            list(kernel.execute("1"))
            print(f"\nagent {read_memory(lab, kernel):.0f} MB")
            measure_round_trips(lab, kernel)
            measure_outage(lab, kernel)
            kernel.shutdown()
    finally:
        lab.close()


def measure_first_results(lab) -> None:
    """Measure the time to the first result, with one suitable environment on the host."""
    from dl_magics.ssh import known_hosts

    login = lab.login()
    where = f"{login.user}@{login.host}"
    known_hosts.pin_keys(
        where, *(line.partition(" ")[2] for line in known_hosts.pinned_lines(login.alias))
    )
    (lab.folder / "home/.venvs").mkdir()
    (lab.folder / "home/.venvs/gpu").symlink_to(sys.prefix)
    print(f"\n{'from %gpu_connect to the first result, s':<44}  0 ms    50 ms")
    rows: dict[str, list[float]] = {}
    for delay in (0, 0.025):
        lab.wire(f"delay {delay}")
        for part, took in run_program(
            lab, "link_first_result.py", where, str(login.key_file)
        ).items():
            rows.setdefault(part, []).append(took)
        lab.end(".dlm")
        shutil.rmtree(lab.folder / "home/.dlm")
    lab.mend()
    for part, (near, far) in rows.items():
        print(f"{part:<42} {near:7.2f} {far:8.2f}")


def measure_round_trips(lab, kernel) -> None:
    config = ssh_config(lab)
    master = [*on_laptop(lab), "ssh", "-F", str(config), "-fNM", "host"]
    print(f"\nround trip, ms (median of {ROUNDS})      0 ms    50 ms")
    rows: dict[str, list[float]] = {}
    ssh = [*on_laptop(lab), "ssh", "-F", str(config)]
    for delay in (0, 0.025):
        lab.wire(f"delay {delay}")
        subprocess.run(master, check=True)
        calls: dict[str, Callable[[], object]] = {
            "dl_magics, a cell": lambda: list(kernel.execute("1")),
            "ssh host true, fresh": lambda: run([*ssh, "-S", "none", "host", "true"]),
            "ssh host true, multiplexed": lambda: run([*ssh, "host", "true"]),
        }
        for name, call in calls.items():
            rows.setdefault(name, []).append(measure_median(call))
        run([*ssh, "-O", "exit", "host"])
    lab.mend()
    rows["sshpyk, a cell"] = run_sshpyk(lab, config, "round_trips")["milliseconds"]
    for name, (near, far) in rows.items():
        print(f"{name:<36} {near:6.1f} {far:8.1f}")


def measure_outage(lab, kernel) -> None:
    from support.messages import printed

    print(f"\noutage of {CUT_SECONDS:.0f} s, {LINES} lines               lost   twice   next after")
    with ThreadPoolExecutor() as beside:
        answer = kernel.execute(COUNT)
        healing = beside.submit(cut_network, lab)
        came = [(time.monotonic(), printed([message])) for message in answer]
    print_lost("dl_magics", came, healing.result())
    config = ssh_config(lab)
    healed: list[float] = []
    said = run_sshpyk(lab, config, "lost", lambda: healed.append(cut_network(lab)))
    print_lost("sshpyk", said["came"], healed[-1])
    for alive in KEEPALIVES:
        program = ("link_jupyter.py", lab.instance, str(config), str(alive), COUNT, LAST)
        said = run_program(lab, *program, meanwhile=lambda: healed.append(cut_network(lab)))
        print_lost(f"Jupyter Server, ServerAliveInterval {alive}", said["came"], healed[-1])


def print_lost(name: str, came: list[tuple[float, str]], healed: float) -> None:
    """Print the numbers of lost and repeated lines, and the seconds to the first one after."""
    words = "".join(text for _, text in came).splitlines()
    said = [line for line in words if line.startswith("line ")]
    lost, twice = LINES - len(set(said)), len(said) - len(set(said))
    back = next((f"{at - healed:10.2f} s" for at, text in came if text and at > healed), "never")
    print(f"{name:<40} {lost:6} {twice:7} {back:>12}", flush=True)


def cut_network(lab) -> float:
    """Cut the network for a while; return the time when it was restored."""
    time.sleep(CUT_AFTER)
    lab.wire("down")
    time.sleep(CUT_SECONDS)
    lab.wire("up")
    return time.monotonic()


def measure_median(call: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1000


def read_memory(lab, kernel) -> float:
    (pid,) = [pid for pid in lab.running(kernel.run_dir) if "run" in lab.words(pid)]
    (kilobytes,) = [
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return kilobytes / 1024


def run_sshpyk(lab, config: Path, what: str, meanwhile: Callable[[], object] | None = None) -> dict:
    """Measure sshpyk in an environment of its own."""
    words = ("link_sshpyk.py", what, str(config), str(ROUNDS), COUNT, LAST)
    return run_program(lab, *words, python=sshpyk_environment(), meanwhile=meanwhile)


def run_program(
    lab,
    *program: str,
    python: Path | str = sys.executable,
    meanwhile: Callable[[], object] | None = None,
) -> dict:
    """Run a program on the laptop, set the delays that it requests, return its measurements."""
    process = subprocess.Popen(
        [*on_laptop(lab), str(python), str(HERE / program[0]), *program[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    for line in process.stdout:
        if line.startswith("delay "):
            lab.wire(line.strip())
            process.stdin.write("done\n")
            process.stdin.flush()
        elif line.startswith("begun"):
            meanwhile()
        elif line.startswith("{"):
            process.wait()
            return json.loads(line)
    sys.exit(f"{program[0]} printed no result.")


def sshpyk_environment() -> Path:
    folder = HERE.parent / "build" / "sshpyk"
    python = folder / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(python), "-m", "pip", "install", "-q", "sshpyk", "ipykernel"])
        run(
            [str(python), "-m", "ipykernel", "install", "--prefix", str(folder), "--name", "remote"]
        )
    return python


def ssh_config(lab) -> Path:
    login = lab.login()
    known = lab.folder / "known_hosts"
    from dl_magics.ssh import known_hosts

    known.write_text("".join(f"{line}\n" for line in known_hosts.pinned_lines(login.alias)))
    file = lab.folder / "ssh_config"
    file.write_text(
        f"Host host\n  HostName {login.host}\n  User {login.user}\n"
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
