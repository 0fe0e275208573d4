from __future__ import annotations

import asyncio
import shutil

import asyncssh
import psutil
import pytest

from support.ec2_client import until


def test_the_home_survives_a_stop(renter):
    instance_id = renter.launch()
    renter.run(instance_id, "echo weights > model.h5")

    renter.stop(instance_id)
    renter.start(instance_id)

    assert renter.run(instance_id, "cat model.h5").stdout == "weights\n"


def test_the_host_key_survives_a_stop_and_is_in_the_console_output(renter):
    instance_id = renter.launch()
    first = renter.host_key(instance_id)

    renter.stop(instance_id)
    renter.start(instance_id)

    console = renter.ec2.get_console_output(InstanceId=instance_id, Latest=True)["Output"]
    assert renter.host_key(instance_id) == first
    assert first in console
    assert asyncssh.import_public_key(first).get_fingerprint("sha256") in console


def test_the_host_key_in_the_user_data_is_used(renter):
    key = asyncssh.generate_private_key("ssh-ed25519")
    private = key.export_private_key().decode().replace("\n", "\n    ")
    user_data = f"#cloud-config\nssh_keys:\n  ed25519_private: |\n    {private}\n"

    instance_id = renter.launch(UserData=user_data)

    assert renter.host_key(instance_id) == key.export_public_key().decode().strip()


def test_a_host_key_can_be_replaced_as_on_ubuntu(renter):
    instance_id = renter.launch()
    first = renter.host_key(instance_id)
    steps = (
        "ssh-keygen -q -t ed25519 -N '' -f new",
        "sudo mv new /etc/ssh/ssh_host_ed25519_key",
        "sleep 0.3",  # for a moment the two files do not belong together
        "sudo mv new.pub /etc/ssh/ssh_host_ed25519_key.pub",
        "sudo systemctl restart ssh",
        "sudo cat /etc/ssh/ssh_host_ed25519_key.pub",
    )

    done = renter.run(instance_id, " && ".join(steps))

    assert " ".join(done.stdout.split()[:2]) == renter.host_key(instance_id) != first


@pytest.mark.parametrize(
    "command", ["sudo shutdown -h now", "shutdown now", "sudo -n poweroff", "systemctl poweroff"]
)
def test_a_shutdown_on_the_host_stops_the_instance(renter, command):
    instance_id = renter.launch()

    renter.run(instance_id, command)

    renter.until(instance_id, "stopped")
    reason = renter.instance(instance_id)["StateReason"]["Code"]
    assert reason == "Client.InstanceInitiatedShutdown"


def test_a_shutdown_on_the_host_terminates_if_so_launched(renter):
    instance_id = renter.launch(InstanceInitiatedShutdownBehavior="terminate")

    renter.run(instance_id, "sudo shutdown -h now")

    renter.until(instance_id, "terminated")


def test_a_reboot_ends_processes_and_keeps_the_address(renter):
    instance_id = renter.launch()
    address = renter.instance(instance_id)["PublicIpAddress"]
    old = int(renter.run(instance_id, "echo $PPID").stdout)

    renter.run(instance_id, "sudo reboot")

    until(lambda: not psutil.pid_exists(old))
    assert renter.run(instance_id, "echo back").stdout == "back\n"
    assert renter.instance(instance_id)["PublicIpAddress"] == address


def test_a_reboot_through_the_api_ends_processes(renter):
    instance_id = renter.launch()
    old = int(renter.run(instance_id, "echo $PPID").stdout)

    renter.ec2.reboot_instances(InstanceIds=[instance_id])

    until(lambda: not psutil.pid_exists(old))
    assert renter.run(instance_id, "echo back").stdout == "back\n"


def test_a_stop_ends_detached_processes(renter):
    instance_id = renter.launch()
    detached = "setsid nohup env -i sleep 600 > /dev/null 2>&1 < /dev/null & echo $!; sleep 0.2"
    twice = (
        f"({detached}) ; setsid sh -c 'sleep 600 > /dev/null & echo $!' < /dev/null 2> /dev/null; "
    )
    pids = [int(pid) for pid in renter.run(instance_id, twice + "echo $PPID").stdout.split()]
    assert all(psutil.pid_exists(pid) for pid in pids)

    renter.stop(instance_id)

    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_the_address_of_a_stopped_instance_refuses_connections(renter):
    instance_id = renter.launch()
    address = renter.instance(instance_id)["PublicIpAddress"]
    renter.run(instance_id, "true")
    renter.stop(instance_id)

    async def connect():
        await asyncssh.connect(address, config=[str(renter.profile.ssh_config)])

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(connect())


def test_terminating_deletes_the_folder_of_that_instance_only(renter, cloud):
    kept, gone = renter.launch(), renter.launch()
    instances = cloud.folder / "instances"
    (instances / "precious").mkdir()

    renter.ec2.terminate_instances(InstanceIds=[gone])
    renter.until(gone, "terminated")

    assert sorted(each.name for each in instances.iterdir()) == sorted([kept, "precious"])


@pytest.mark.skipif(bool(shutil.which("nvidia-smi")), reason="this computer has a GPU of its own")
def test_a_type_without_gpus_has_no_nvidia_smi(renter):
    instance_id = renter.launch("t2.micro")

    done = renter.run(instance_id, "nvidia-smi")

    assert done.exit_status == 127
    assert "command not found" in done.stderr


def test_an_instance_without_a_key_pair_refuses_every_login(renter):
    instance_id = renter.client("ec2").run_instances(
        ImageId=renter.image(), InstanceType="t2.micro", MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]
    renter.until(instance_id, "running")

    with pytest.raises(asyncssh.PermissionDenied):
        renter.run(instance_id, "true")
