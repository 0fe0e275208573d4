from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from dl_magics import practice
from dl_magics.practice.__main__ import main
from dl_magics.practice.process import PracticeFailed, preferred_port
from support.ec2_client import ProfileRenter, open_session, until, use
from support.processes.running import find_processes


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "practice"
    yield folder
    practice.stop_cloud(folder)


@pytest.fixture
def renter(monkeypatch, folder):
    practice.start_cloud(folder, delay=0.1, boot=0, tied=True)
    return use(monkeypatch, practice.ensure_profile(folder))


@pytest.fixture
def shared_renter(monkeypatch, cloud):
    """Use the practice cloud of all tests: for tests that start and stop none."""
    renter = use(monkeypatch, practice.ensure_profile(cloud.folder))
    yield renter
    renter.forget_everything()


def test_a_started_cloud_is_found_until_it_is_stopped(folder):
    before = practice.find_cloud(folder)
    started = practice.start_cloud(folder, tied=True)
    found = practice.find_cloud(folder)
    practice.stop_cloud(folder)

    assert before is None
    assert found == started
    assert practice.find_cloud(folder) is None
    practice.stop_cloud(folder)


def test_starting_twice_starts_one(folder):
    with ThreadPoolExecutor() as both:
        first, second = both.map(practice.start_cloud, [folder, folder])

    assert first == second == practice.start_cloud(folder, tied=True)
    assert len(find_processes(str(folder))) == 1


def test_a_record_with_the_secret_of_another_cloud_is_ignored(cloud, tmp_path):
    document = json.loads((cloud.folder / "practice.json").read_text())

    (tmp_path / "practice.json").write_text(json.dumps({**document, "secret": "another"}))

    assert practice.find_cloud(tmp_path) is None
    assert practice.find_cloud(cloud.folder) == cloud


@pytest.mark.parametrize("text", ["", "{", "[]", '{"secret": "x"}'])
def test_a_damaged_record_is_ignored(tmp_path, text):
    (tmp_path / "practice.json").write_text(text)

    assert practice.find_cloud(tmp_path) is None


def test_a_cloud_starts_despite_a_damaged_record_and_the_aws_settings_of_the_notebook(
    folder, monkeypatch
):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    folder.mkdir()
    (folder / "practice.json").write_text("{")

    assert practice.start_cloud(folder, tied=True) == practice.find_cloud(folder)


def test_a_killed_cloud_takes_its_hosts_along_and_can_be_restarted(renter, folder):
    instance_id = renter.launch()
    killed = practice.find_cloud(folder)
    host = int(renter.run(instance_id, "echo $PPID").stdout)

    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(host))
    practice.start_cloud(folder, delay=0.1, boot=0, tied=True)

    assert renter.state(instance_id) == "running"
    assert renter.run(instance_id, "echo alive").stdout == "alive\n"


@dataclass
class Restarted:
    """What there was in a practice cloud before it was stopped and started again."""

    renter: ProfileRenter
    running: str
    stopped: str
    stopping: str
    instances: dict[str, Any]
    images: list[str]
    launch: dict[str, Any]
    host_key: str
    address: str
    credentials: Any


def fill(renter: ProfileRenter) -> Restarted:
    """Make something of each kind that is saved, and begin to stop an instance."""
    group = renter.ec2.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "gpu"}]}]
    launch = {"TagSpecifications": tags, "SecurityGroupIds": [group], "ClientToken": "one"}
    running, stopped, stopping = renter.launch(**launch), renter.launch(), renter.launch()
    renter.stop(stopped)
    renter.run(running, "echo weights > model.h5")
    ours = renter.ec2.create_image(InstanceId=running, Name="mine")["ImageId"]
    spot = {"ImageId": renter.image(), "InstanceType": "t2.micro"}
    renter.ec2.request_spot_instances(SpotPrice="1", LaunchSpecification=spot)
    renter.client("ssm").put_parameter(Name="mine", Value="it", Type="String")
    renter.client("iam").create_instance_profile(InstanceProfileName="guard")
    address = renter.ec2.allocate_address(Domain="vpc")["PublicIp"]
    renter.client("ec2", region="eu-west-1").create_key_pair(KeyName="far")
    found = Restarted(
        renter=renter,
        running=running,
        stopped=stopped,
        stopping=stopping,
        instances={each: renter.instance(each) for each in (running, stopped)},
        images=[ours, renter.image()],
        launch=launch,
        host_key=renter.host_key(running),
        address=address,
        credentials=boto3.Session().get_credentials(),
    )
    renter.ec2.stop_instances(InstanceIds=[stopping])
    return found


@pytest.fixture(scope="module")
def cloud_that_was_restarted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("restarted")
    with pytest.MonkeyPatch.context() as patch:
        first = practice.start_cloud(folder, delay=0.1, boot=0, tied=True)
        before = fill(use(patch, practice.ensure_profile(folder)))
    practice.stop_cloud(folder)
    assert practice.start_cloud(folder, delay=0.1, boot=0, tied=True).url == first.url
    yield before
    practice.stop_cloud(folder)


@pytest.fixture
def restarted(cloud_that_was_restarted, monkeypatch):
    use(monkeypatch, cloud_that_was_restarted.renter.profile)
    return cloud_that_was_restarted


def test_a_restart_keeps_the_state(restarted):
    renter, running, stopped = restarted.renter, restarted.running, restarted.stopped

    assert {each: renter.instance(each) for each in (running, stopped)} == restarted.instances
    images = renter.ec2.describe_images(ImageIds=restarted.images)["Images"]
    assert len(images) == len(restarted.images)
    assert renter.run_instances(**restarted.launch)["InstanceId"] == running
    assert renter.run(running, "cat model.h5").stdout == "weights\n"
    assert renter.host_key(running) == restarted.host_key
    renter.start(stopped)
    before = restarted.instances[running]["PublicIpAddress"]
    assert renter.instance(stopped)["PublicIpAddress"] != before


def test_a_restart_keeps_the_resources_of_every_service(restarted):
    renter = restarted.renter

    kept = renter.ec2.describe_addresses()["Addresses"]
    assert [one["PublicIp"] for one in kept] == [restarted.address]
    assert renter.client("iam").list_instance_profiles()["InstanceProfiles"]
    elsewhere = renter.client("ec2", region="eu-west-1")
    assert [one["KeyName"] for one in elsewhere.describe_key_pairs()["KeyPairs"]] == ["far"]


def test_a_pending_change_completes_after_a_restart(restarted):
    restarted.renter.until(restarted.stopping, "stopped")


def test_each_start_keeps_the_profile_and_changes_its_access_key(restarted):
    profile, old = restarted.renter.profile, restarted.credentials
    keys = old.access_key, old.secret_key
    stranger = open_session(*keys).client("ec2", endpoint_url=profile.endpoint_url)

    assert practice.ensure_profile(profile.ssh_config.parent) == profile
    assert boto3.Session().get_credentials().access_key != old.access_key
    with pytest.raises(ClientError, match="AuthFailure"):
        stranger.describe_instances()


def test_reading_other_regions_does_not_grow_the_saved_state(shared_renter, cloud):
    kept = cloud.folder / "state.pickle"
    shared_renter.ec2.create_key_pair(KeyName="before")
    before = kept.stat().st_size

    for region in ("eu-west-2", "eu-west-3"):
        shared_renter.client("ec2", region=region).describe_instances()
    shared_renter.ec2.create_key_pair(KeyName="after")

    assert kept.stat().st_size < 1.5 * before


def test_another_port_is_used_if_the_preferred_one_is_taken(folder, monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", preferred_port(folder))):
        started = practice.start_cloud(folder, tied=True)
    renter = use(monkeypatch, practice.ensure_profile(folder))

    assert started.port != preferred_port(folder)
    assert renter.profile.endpoint_url == started.url
    assert renter.ec2.describe_instances()["Reservations"] == []


def test_the_cloud_listens_on_the_loopback_only(shared_renter, cloud):
    instance_id = shared_renter.launch()
    shared_renter.run(instance_id, "true")

    process = psutil.Process(cloud.pid)
    ours = [process, *process.children(recursive=True)]
    listening = [
        one.laddr.ip
        for each in ours
        for one in each.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]

    assert len(listening) > 1
    assert set(listening) == {"127.0.0.1"}


def test_secret_files_are_readable_by_their_owner_only(shared_renter, cloud):
    folder, instance_id = cloud.folder, shared_renter.launch()
    ssh = folder / "instances" / instance_id / "etc" / "ssh"
    secret = ["practice.json", "state.pickle", "aws/credentials", ssh / "ssh_host_ed25519_key"]

    modes = [stat.S_IMODE((folder / each).stat().st_mode) for each in secret]

    assert modes == [0o600] * len(secret)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_call_without_the_key_of_the_profile_is_rejected(shared_renter):
    stranger = boto3.Session("AKIAGUESSED", "x", profile_name="practice").client("ec2")

    with pytest.raises(ClientError) as error:
        stranger.describe_instances()

    assert error.value.response["Error"]["Code"] == "AuthFailure"


def test_an_unusable_folder_names_the_log(folder):
    folder.mkdir()
    (folder / "lock").mkdir()

    with pytest.raises(PracticeFailed) as error:
        practice.start_cloud(folder, tied=True)

    assert "did not start" in str(error.value)
    assert str(folder / "practice.log") in error.value.fix


def test_the_command_prints_the_profile_and_stops_with_ctrl_c(folder):
    command = [sys.executable, "-m", "dl_magics.practice", "--folder", str(folder)]
    running = subprocess.Popen([*command, "--delay", "0"], stdout=subprocess.PIPE, text=True)
    until(lambda: practice.find_cloud(folder))

    refused = subprocess.run(command, capture_output=True, text=True)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=20)

    assert "AWS_PROFILE=practice" in said
    assert running.returncode == 0
    assert "already running" in refused.stdout


@pytest.mark.parametrize("option", ["--delay", "--boot"])
def test_the_command_refuses_an_invalid_duration(folder, capsys, option):
    assert main(["--folder", str(folder), option, "nan"]) == 1
    assert f"{option} = 'nan' is not a valid duration" in capsys.readouterr().out


def test_the_command_stops_the_running_cloud(folder, capsys):
    practice.start_cloud(folder, tied=True)

    refused = main(["--folder", str(folder)])
    ended = main(["--folder", str(folder), "--stop"])

    assert (refused, ended) == (1, 0)
    assert practice.find_cloud(folder) is None
    assert "already running" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "stops"),
    [
        pytest.param("tied=True", True, id="tied"),
        pytest.param("", False, id="not tied"),
        pytest.param("unused=1", True, id="without its last user for a second"),
    ],
)
def test_when_a_cloud_stops_after_its_parent(folder, options, stops):
    code = (
        "import sys; from pathlib import Path; from dl_magics import practice;"
        f"practice.start_cloud(Path(sys.argv[1]), {options}); print('started', flush=True);"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    parent.stdout.readline()

    parent.kill()
    parent.communicate()

    if stops:
        until(lambda: not find_processes(str(folder)))
    assert bool(practice.find_cloud(folder)) is not stops
