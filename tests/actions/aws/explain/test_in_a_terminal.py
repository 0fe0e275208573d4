"""The commands of `--explain` work in a shell, with the aws command and ssh."""

from __future__ import annotations

import subprocess

import pytest

from dl_magics.actions.aws import context
from dl_magics.ssh import known_hosts
from dl_magics.store import paths
from support import aws_cli


@pytest.fixture
def paste(aws_command):
    """Run lines in a shell with a minimal environment; return its output.

    Bash reads them one after the other, as in a terminal: a command could take the next ones.
    """

    def pasted(script: str) -> str:
        done = subprocess.run(
            ["bash", "-e"],
            input=script,
            env=aws_cli.make_environment(aws_command),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return pasted


def test_the_stop_resize_and_start_commands_work(cloud_with_hosts, run, paste):
    run("%aws_launch t2.micro -y")

    assert paste(run("%aws_ip --explain")).strip() == run("%aws_ip")
    paste(run("%aws_stop --explain"))
    stopped = run("%aws_state")
    paste(run("%aws_resize g4dn.xlarge --explain"))
    paste(run("%aws_start --explain"))

    assert stopped == "stopped"
    assert run("%aws_get").type == "g4dn.xlarge"
    assert run("%aws_state") == "running"


def test_the_launch_commands_launch_the_same_instance(cloud_with_hosts, run, paste):
    paste(run("%aws_launch t2.micro --name pasted --explain"))
    ours = run("%aws_launch t2.micro --name ours -y")

    pasted = run("%aws_get pasted")

    assert facts(pasted.id) == facts(ours.id)
    assert len(known_hosts.pinned_lines(pasted.id)) == 1
    assert not known_hosts.is_temporary(pasted.id)
    assert run("%aws_ssh echo hello").stdout == "hello\n"
    assert paste(run("%aws_ssh --explain echo hello")) == "hello\n"
    assert len(run("%aws_cleanup").each) == 6
    kept = {path.name for path in paths.data_folder("keys").iterdir()}
    assert kept == {"id_ed25519", "id_ed25519.pub"}


def facts(id_):
    """Return the properties that two equal instances share."""
    answer = context.load().session.query("ec2", "describe_instances", InstanceIds=[id_])
    (found,) = answer["Reservations"][0]["Instances"]
    attribute = {"InstanceId": id_, "Attribute": "instanceInitiatedShutdownBehavior"}
    shutdown = context.load().session.query("ec2", "describe_instance_attribute", **attribute)
    alike = ("InstanceType", "ImageId", "KeyName", "SecurityGroups", "MetadataOptions")
    volume = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (disk,) = context.load().session.query("ec2", "describe_volumes", VolumeIds=[volume])["Volumes"]
    return {
        **{name: found[name] for name in alike},
        "tags": sorted(tag["Key"] for tag in found["Tags"]),
        "shutdown": shutdown["InstanceInitiatedShutdownBehavior"],
        "disk": [disk[name] for name in ("Size", "VolumeType", "Encrypted")],
    }
