"""The guard on instances of the practice cloud: what stops them, whatever else has ended.

A minute of `shutdown` takes half a second there, so that a pending one comes within seconds, and
one of CloudWatch a twentieth of a second. All instances of the file are launched at once, as most
of a test is waiting.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import psutil
import pytest

from dl_magics import practice
from dl_magics.actions.aws import context
from dl_magics.actions.aws.guard import alarm
from dl_magics.gpu_kernel import deploy
from dl_magics.guard import program
from dl_magics.guard.service.settings import Settings
from support.cloud import choose_practice
from support.ec2_client import ProfileRenter, until, use
from support.two_hosts import lab, own_network
from support.two_hosts.own_network import OwnNetwork

BY_ITSELF = "Client.InstanceInitiatedShutdown"
MAX_BYTES = 20 * 2**20
STATUS = f"sudo python3 -I {program.FILE} status {program.FOLDER}"
CHANGE = f"sudo python3 -I {program.FILE} change {program.FOLDER} '{{}}'"
LIVE_RUN = (
    "mkdir -p .dl_magics/runs/r; cd .dl_magics/runs/r; "
    "(while sleep 0.3; do echo '{}' >> events.jsonl; done) >/dev/null 2>&1 &"
)


class Guarded:
    """An instance with a guard."""

    def __init__(
        self,
        renter: ProfileRenter,
        folder: Path,
        *,
        market: dict[str, object] | None = None,
        **settings: object,
    ) -> None:
        limits = Settings(
            **{"idle_seconds": 4.0, "tick_seconds": 0.5, **settings},
            agents=("/home/ubuntu/.dlm/*",),
            runs=("/home/ubuntu/.dl_magics/runs/*/events.jsonl",),
            checkpoint_name="save-checkpoint",
        )
        config = json.dumps({"bootcmd": [program.boot_command(limits)]})
        self.renter = renter
        more = {"InstanceMarketOptions": market} if market else {}
        launched = renter.run_instances(UserData=f"#cloud-config\n{config}", **more)
        self.id = launched["InstanceId"]
        self.folder = folder / "instances" / self.id
        self.guard = self.folder / program.FOLDER[1:]

    def run(self, command: str) -> str:
        return self.renter.run(self.id, command).stdout

    def status(self) -> dict:
        return json.loads(self.run(STATUS))

    def process(self) -> psutil.Process:
        """Return the process of the guard, after its first look."""
        until((self.guard / "state.json").exists)
        return psutil.Process(int((self.guard / "pid").read_text()))

    def until_stopped(self) -> str:
        """Wait until the instance is stopped; return why, as EC2 tells it."""
        self.renter.until(self.id, "stopped")
        return self.renter.instance(self.id)["StateReason"]["Code"]


@pytest.fixture(scope="module")
def network() -> Iterator[OwnNetwork | None]:
    """A network for this file alone; None where it cannot be made."""
    if lab.missing():
        yield None
        return
    with own_network.entered() as network:
        yield network


@pytest.fixture(scope="module")
def cloud(
    network: OwnNetwork | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[practice.PracticeCloud]:
    folder = tmp_path_factory.mktemp("practice")
    speed = {"delay": 0.1, "boot": 0, "minute": 0.5, "alarm_minute": 0.05}
    yield practice.start_cloud(folder, **speed, tied=True)
    practice.stop_cloud(folder)


@pytest.fixture
def renter(monkeypatch, cloud) -> Iterator[ProfileRenter]:
    renter = use(monkeypatch, practice.ensure_profile(cloud.folder))
    yield renter
    renter.forget_everything()


def test_an_instance_that_was_never_connected_is_stopped(renter, cloud):
    guarded = Guarded(renter, cloud.folder)
    process = guarded.process()
    shown = process.memory_info().rss, sorted(guarded.guard.iterdir()), guarded.guard.stat()

    assert guarded.until_stopped() == BY_ITSELF
    memory, files, folder = shown
    assert memory < MAX_BYTES
    # Nobody else may change a file, or put another in its place.
    for each in [folder, *(file.stat() for file in files if file.exists())]:
        assert each.st_uid == os.getuid()
        assert stat.S_IMODE(each.st_mode) & 0o022 == 0


def test_an_open_login_in_which_nobody_types_does_not_keep_an_instance(renter, cloud):
    guarded = Guarded(renter, cloud.folder)
    guarded.run("true")

    async def log_in_and_wait() -> str:
        async with renter.connect(guarded.id) as link, link.create_process(term_type="xterm"):
            return await asyncio.to_thread(guarded.until_stopped)

    assert asyncio.run(log_in_and_wait()) == BY_ITSELF


def test_an_instance_whose_guard_ended_is_stopped_by_the_system(renter, cloud):
    endings = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
    guarded = [Guarded(renter, cloud.folder, idle_seconds=60.0) for _ in endings]

    for each, ending in zip(guarded, endings, strict=True):
        each.process().send_signal(ending)

    assert [each.until_stopped() for each in guarded] == [BY_ITSELF] * len(endings)


def test_an_instance_on_which_nothing_is_left_that_stops_it_is_stopped_by_its_alarm(renter, cloud):
    guarded = Guarded(renter, cloud.folder, idle_seconds=3600.0)
    process = guarded.process()
    restarted_by = guarded.status()["restarted_by"]

    process.kill()
    guarded.run("sudo shutdown -c")
    choose_practice(cloud)
    current = context.load()
    refused = alarm.arm_alarm(current, current.ec2.describe_instance(guarded.id), 1800.0)
    status = guarded.status()

    assert (restarted_by, refused) == ("", "")
    assert not status["running"]
    assert not (guarded.folder / "shutdown").exists()
    assert guarded.until_stopped() == "Client.UserInitiatedShutdown"


def test_an_instance_whose_network_was_cut_finishes_its_cell_and_is_stopped(renter, cloud, network):
    if network is None:
        pytest.skip(f"No network can be cut here: {lab.missing()}")
    guarded = Guarded(renter, cloud.folder)
    start_cell(guarded, "import time; time.sleep(12); open('done', 'w').close()")
    until(lambda: guarded.status()["reason"] == "a cell is running")
    answers: list[str] = []

    async def work_while_the_network_is_cut() -> str:
        async with renter.connect(guarded.id) as link:
            network.swallow(link.get_extra_info("peername")[1])
            asked = asyncio.create_task(ask(link))
            why = await asyncio.to_thread(guarded.until_stopped)
            asked.cancel()
            return why

    async def ask(link: asyncssh.SSHClientConnection) -> None:
        answers.append(str((await link.run("hostname")).stdout))

    try:
        assert asyncio.run(work_while_the_network_is_cut()) == BY_ITSELF
    finally:
        network.mend()
    assert answers == []
    assert (guarded.folder / "home" / "done").exists()


def test_a_run_that_goes_on_saves_a_checkpoint_before_the_hard_end(renter, cloud):
    guarded = Guarded(renter, cloud.folder, max_seconds=16.0, warning_seconds=10.0)
    guarded.run(LIVE_RUN)
    asked = guarded.folder / "home/.dl_magics/runs/r/save-checkpoint"

    until(lambda: guarded.status()["state"] in ("active", "ending"))
    until(asked.exists)
    status = guarded.status()

    assert (status["action"], status["state"]) == ("warn", "ending")
    assert guarded.until_stopped() == BY_ITSELF


def test_an_instance_whose_settings_file_is_damaged_is_stopped_at_the_end_that_was_set(
    renter, cloud
):
    guarded = Guarded(renter, cloud.folder, idle_seconds=3600.0, max_seconds=16.0)
    guarded.run(LIVE_RUN)
    guarded.process()
    settings = guarded.guard / "settings.json"

    settings.write_bytes(settings.read_bytes()[:60])
    damaged = guarded.status()
    changed = json.loads(guarded.run(CHANGE.format('{"idle_seconds": 1800}')))
    settings.write_bytes(b"")

    assert damaged["settings_damaged"]
    assert damaged["settings"]["max_seconds"] == 16.0
    assert damaged["settings"]["runs"][0].endswith("/.dl_magics/runs/*/events.jsonl")
    assert not changed["settings_damaged"]
    assert changed["settings"]["max_seconds"] == 16.0
    assert guarded.until_stopped() == BY_ITSELF


def test_a_run_on_a_spot_instance_saves_a_checkpoint_at_the_notice_of_aws(renter, cloud):
    spot = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    market = {"MarketType": "spot", "SpotOptions": spot}
    guarded = Guarded(renter, cloud.folder, market=market, idle_seconds=3600.0)
    guarded.run(LIVE_RUN)
    cloud.inject_fault("spot-notice", instance=guarded.id, seconds=9)
    asked = guarded.folder / "home/.dl_magics/runs/r/save-checkpoint"

    until(asked.exists)
    status = guarded.status()

    assert json.loads(asked.read_text())["reason"] == "spot-stop"
    assert status["spot"]["reason"] == "spot-stop"
    assert 0 < status["spot"]["left"] <= 9
    # EC2 starts it again only if the guard has not stopped it.
    assert guarded.until_stopped() == "Server.SpotInstanceShutdown"
    cloud.inject_fault("spot-capacity")
    renter.until(guarded.id, "running")
    until(lambda: guarded.status()["spot"] == {})


def test_an_instance_that_is_kept_is_not_stopped_until_then(renter, cloud):
    guarded = Guarded(renter, cloud.folder)

    kept = json.loads(guarded.run(CHANGE.format('{"keep_seconds": 3600}')))
    until(lambda: guarded.status()["reason"].startswith("kept running; idle for"))
    guarded.run(CHANGE.format('{"keep_seconds": null}'))

    assert 3500 < kept["seconds_left"] <= 3600
    assert guarded.until_stopped() == BY_ITSELF


def test_a_cell_whose_client_left_keeps_its_instance_until_the_agent_is_killed(renter, cloud):
    guarded = Guarded(renter, cloud.folder, idle_seconds=6.0)
    agent = start_cell(guarded, "import time; time.sleep(600)")

    until(lambda: guarded.status()["reason"] == "a cell is running")
    time.sleep(8)
    status = guarded.status()
    psutil.Process(agent).kill()

    assert (status["action"], status["reason"]) == ("ok", "a cell is running")
    assert guarded.until_stopped() == BY_ITSELF


def start_cell(guarded: Guarded, code: str) -> int:
    """Start an agent and a cell, and disconnect at once; return the process id of the agent."""
    guarded.run("mkdir .dlm")
    room = guarded.folder / "home" / ".dlm"
    (room / "agent.pyz").write_bytes(deploy.pack_agent())
    python = ".venvs/keras/bin/python"
    started = json.loads(guarded.run(f"{python} .dlm/agent.pyz start .dlm/k --python {python}"))
    header = {"msg_id": "cell", "msg_type": "execute_request", "session": "s", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False}
    request = {"op": "send", "ch": "shell", "m": {"header": header, "content": content}}
    # A socket has its place elsewhere where the path of its folder is too long.
    places = (room / "k" / "agent.sock", room / "k" / "sockets" / "agent.sock")
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(next(each for each in places if each.exists()).resolve()))
        for each in ({"op": "hello", "since": 0}, request):
            end.sendall(json.dumps(each).encode() + b"\n")
        end.makefile("rb").readline()
        time.sleep(1)
    return int(started["agent_pid"])
