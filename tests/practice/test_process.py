from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from dl_magics import practice
from dl_magics.practice.__main__ import main
from dl_magics.practice.process import PracticeFailed, preferred_port
from support.ec2_client import until, use


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
    """Use the practice cloud of the module, for tests that only read it."""
    return use(monkeypatch, practice.ensure_profile(cloud.folder))


def restart(folder):
    practice.stop_cloud(folder)
    return practice.start_cloud(folder, delay=0.1, boot=0, tied=True)


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
    assert len(running_in(folder)) == 1


def running_in(folder):
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if str(folder) in (one.info["cmdline"] or [])]


def test_a_record_with_the_secret_of_another_cloud_is_ignored(cloud, tmp_path):
    document = json.loads((cloud.folder / "practice.json").read_text())

    (tmp_path / "practice.json").write_text(json.dumps({**document, "secret": "another"}))

    assert practice.find_cloud(tmp_path) is None
    assert practice.find_cloud(cloud.folder) == cloud


@pytest.mark.parametrize("text", ["", "{", "[]", '{"secret": "x"}'])
def test_a_damaged_record_is_ignored(tmp_path, text):
    (tmp_path / "practice.json").write_text(text)

    assert practice.find_cloud(tmp_path) is None


def test_a_cloud_starts_despite_a_damaged_record(folder):
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


def test_a_restart_keeps_the_state(renter, folder):
    group = renter.ec2.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "gpu"}]}]
    running = renter.launch(TagSpecifications=tags, SecurityGroupIds=[group], ClientToken="one")
    stopped = renter.launch()
    renter.stop(stopped)
    renter.run(running, "echo weights > model.h5")
    key = renter.host_key(running)
    before = {each: renter.instance(each) for each in (running, stopped)}
    ours = renter.ec2.create_image(InstanceId=running, Name="mine")["ImageId"]
    images = [ours, renter.image()]
    url = renter.profile.endpoint_url

    assert restart(folder).url == url

    assert {each: renter.instance(each) for each in (running, stopped)} == before
    assert len(renter.ec2.describe_images(ImageIds=images)["Images"]) == len(images)
    assert (
        renter.run_instances(TagSpecifications=tags, SecurityGroupIds=[group], ClientToken="one")[
            "InstanceId"
        ]
        == running
    )
    assert renter.run(running, "cat model.h5").stdout == "weights\n"
    assert renter.host_key(running) == key
    renter.start(stopped)
    assert renter.instance(stopped)["PublicIpAddress"] != before[running]["PublicIpAddress"]


def test_resources_of_every_service_can_be_saved(renter, folder):
    launch = {"ImageId": renter.image(), "InstanceType": "t2.micro"}
    renter.ec2.request_spot_instances(SpotPrice="1", LaunchSpecification=launch)
    renter.client("ssm").put_parameter(Name="mine", Value="it", Type="String")
    renter.client("iam").create_instance_profile(InstanceProfileName="guard")
    address = renter.ec2.allocate_address(Domain="vpc")["PublicIp"]
    boto3.Session().client("ec2", region_name="eu-west-1").create_key_pair(KeyName="far")

    restart(folder)

    kept = renter.ec2.describe_addresses()["Addresses"]
    assert [one["PublicIp"] for one in kept] == [address]
    assert renter.client("iam").list_instance_profiles()["InstanceProfiles"]
    elsewhere = boto3.Session().client("ec2", region_name="eu-west-1")
    assert [one["KeyName"] for one in elsewhere.describe_key_pairs()["KeyPairs"]] == ["far"]


def test_an_instance_in_a_transient_state_cannot_be_started_or_stopped(renter, folder):
    stopping = renter.launch()
    practice.stop_cloud(folder)
    practice.start_cloud(folder, delay=600, boot=0, tied=True)
    renter.ec2.stop_instances(InstanceIds=[stopping])
    pending = renter.run_instances()["InstanceId"]

    with pytest.raises(ClientError) as starting:
        renter.ec2.start_instances(InstanceIds=[stopping])
    with pytest.raises(ClientError) as ending:
        renter.ec2.stop_instances(InstanceIds=[pending])

    assert "(IncorrectInstanceState)" in str(starting.value)
    assert "(IncorrectInstanceState)" in str(ending.value)


def test_a_pending_change_completes_after_a_restart(renter, folder):
    instance_id = renter.launch()
    renter.ec2.stop_instances(InstanceIds=[instance_id])

    restart(folder)

    renter.until(instance_id, "stopped")


def test_a_damaged_state_is_set_aside(renter, folder):
    renter.launch()
    practice.stop_cloud(folder)
    (folder / "state.pickle").write_bytes(b"torn")

    practice.start_cloud(folder, tied=True)

    assert renter.ec2.describe_instances()["Reservations"] == []
    assert list(folder.glob("state.set-aside-*"))


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


def test_each_start_keeps_the_profile_and_changes_its_access_key(renter, folder):
    before, old = practice.ensure_profile(folder), boto3.Session().get_credentials()
    stranger = boto3.Session(old.access_key, old.secret_key).client("ec2")
    stranger.describe_instances()

    restart(folder)

    assert practice.ensure_profile(folder) == before
    assert boto3.Session().get_credentials().access_key != old.access_key
    assert renter.ec2.describe_instances()["Reservations"] == []
    with pytest.raises(ClientError, match="AuthFailure"):
        stranger.describe_instances()


def test_the_process_ignores_the_aws_settings_of_the_notebook(folder, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    assert practice.start_cloud(folder, tied=True)


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
        until(lambda: not running_in(folder))
    assert bool(practice.find_cloud(folder)) is not stops
