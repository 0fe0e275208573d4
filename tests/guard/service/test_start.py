"""The guard as a service of a real systemd, installed by the command that user data runs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from dl_magics.guard import program
from dl_magics.guard.service import start
from dl_magics.guard.service.pending_shutdown import MARGIN_SECONDS, SCHEDULE
from dl_magics.guard.service.settings import Settings
from support.ec2_client import until
from support.guard import systemd
from support.guard.systemd import POWERED_OFF, Systemd

SERVICE = f"{start.NAME}.service"


@pytest.fixture(scope="module")
def system() -> Iterator[Systemd]:
    if why := systemd.missing():
        pytest.skip(f"No systemd can be started here: {why}")
    with systemd.booted() as system:
        yield system


def install(system: Systemd, **settings: object) -> None:
    """Run the command of the user data, as cloud-init does at each boot."""
    system.run(*program.boot_command(Settings(**{"tick_seconds": 0.3, **settings})))
    until(lambda: look(system)["running"] and look(system)["age"] is not None)


def look(system: Systemd) -> dict:
    words = ("python3", "-I", program.FILE, "status", program.FOLDER)
    return json.loads(system.run(*words))


def main_process(system: Systemd) -> int:
    shown = system.run("systemctl", "show", "--property=MainPID", "--value", SERVICE)
    return int(shown)


def shutdown_left(system: Systemd) -> float:
    """Return in how many seconds logind shuts the system down; infinite if it does not."""
    values = dict(line.partition("=")[::2] for line in system.read(SCHEDULE).splitlines())
    return int(values["USEC"]) / 1e6 - time.time() if "USEC" in values else float("inf")


def test_its_unit_is_valid(tmp_path):
    if not systemd.SYSTEMD.exists():
        pytest.skip("systemd is not installed")
    unit = tmp_path / SERVICE
    unit.write_text(start.UNIT.format(python="/bin/sh", program=tmp_path, folder=tmp_path))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert SERVICE not in done.stdout + done.stderr
    assert not done.returncode


def test_it_starts_at_each_boot_and_returns_when_it_is_killed(system):
    install(system, idle_seconds=1800.0)
    first = main_process(system)

    system.run("systemctl", "kill", "--signal=KILL", SERVICE)
    until(lambda: main_process(system) not in (0, first))
    until(lambda: look(system)["running"])

    assert system.run("systemctl", "is-enabled", SERVICE).strip() == "enabled"
    assert look(system)["restarted_by"] == "systemd"
    assert 0 < shutdown_left(system) <= 1800 + MARGIN_SECONDS + 60


@pytest.mark.parametrize("ending", [("stop",), ("kill", "--signal=STOP"), ("disable", "--now")])
def test_a_shutdown_stays_ordered_when_it_is_stopped(system, ending):
    install(system, idle_seconds=1800.0)

    system.run("systemctl", *ending, SERVICE)
    left = shutdown_left(system)
    time.sleep(1)

    assert 0 < left <= 1800 + MARGIN_SECONDS + 60
    # Nothing postpones it any more.
    assert shutdown_left(system) < left
    system.run("systemctl", "kill", "--signal=CONT", SERVICE, check=False)


def test_a_system_at_its_hard_end_powers_off(system):
    install(system)
    assert not system.exists(POWERED_OFF)

    changes = json.dumps({"until_seconds": 0.5})
    system.run("python3", "-I", program.FILE, "change", program.FOLDER, changes)

    until(lambda: system.exists(POWERED_OFF))
