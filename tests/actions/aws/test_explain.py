from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dl_magics.actions.aws import context
from dl_magics.errors import NoSuchInstance
from dl_magics.ssh import known_hosts
from dl_magics.store import paths

AWS = shutil.which("aws") or str(Path(__file__).parents[2] / "build/awscli/bin/aws")
pytestmark = pytest.mark.skipif(not Path(AWS).exists(), reason="the aws command is not installed")


@pytest.fixture
def paste(monkeypatch):
    """Run lines in a shell with a minimal environment; return its output."""

    def pasted(script: str) -> str:
        path = f"{Path(AWS).parent}:{os.environ['PATH']}"
        lines = script.replace("aws ec2 wait", "sleep 1; aws ec2 wait")
        done = subprocess.run(
            ["/bin/sh", "-e"],
            input=lines,
            env={"PATH": path, "AWS_PAGER": "", "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return pasted


def test_the_list_command_lists_the_instances(rent, run, paste):
    id_ = rent()

    assert id_ in paste(run("%aws_list --explain"))


def test_the_state_and_ip_commands_print_what_the_magics_show(rent, run, paste):
    rent()
    run("%aws_get gpu")

    assert paste(run("%aws_state --explain")).strip() == run("%aws_state")
    assert paste(run("%aws_ip --explain")).strip() == run("%aws_ip")


def test_the_stop_resize_and_start_commands_work(cloud, run, paste):
    run("%aws_launch t2.micro -y")

    paste(run("%aws_stop --explain"))
    stopped = run("%aws_state")
    paste(run("%aws_resize g4dn.xlarge --explain"))
    paste(run("%aws_start --explain"))

    assert stopped == "stopped"
    assert run("%aws_get").type == "g4dn.xlarge"
    assert run("%aws_state") == "running"


def test_the_start_commands_allow_the_current_address(cloud, run, paste, address):
    launched = run("%aws_launch t2.micro -y")
    run("%aws_stop")
    address.address = "198.51.100.23"

    paste(run("%aws_start --explain"))

    rules = context.load().session.query(
        "ec2", "describe_security_groups", GroupIds=list(launched.groups)
    )
    assert "198.51.100.23/32" in str(rules)


def test_the_launch_commands_launch_the_same_instance(cloud, run, paste):
    paste(run("%aws_launch t2.micro --name pasted --explain"))
    ours = run("%aws_launch t2.micro --name ours -y")

    pasted = run("%aws_get pasted")

    assert facts(pasted.id) == facts(ours.id)
    assert known_hosts.is_temporary(pasted.id)
    assert run("%aws_start -y").answers
    assert not known_hosts.is_temporary(pasted.id)
    assert run("%aws_ssh echo hello").stdout == "hello\n"
    assert len(run("%aws_cleanup").each) == 4


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


def test_the_private_host_key_is_not_shown_and_not_kept(cloud, run, paste):
    script = run("%aws_launch t2.micro --explain")

    (user_data,) = paths.data_folder("keys").glob("user-data-*")
    assert "PRIVATE KEY" in user_data.read_text()
    assert user_data.stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in script
    paste(script)
    assert not user_data.exists()


def test_the_launch_commands_create_only_missing_resources(cloud, run, paste):
    paste(run("%aws_launch t2.micro --name one --explain"))

    script = run("%aws_launch t2.micro --name two --explain")
    paste(script)

    assert "create-security-group" not in script
    assert "import-key-pair" not in script
    assert run("%aws_get two").type == "t2.micro"


def test_the_resize_commands_restart_a_running_instance(rent, run, paste):
    rent()
    run("%aws_get gpu")

    paste(run("%aws_resize t2.large --explain"))

    assert run("%aws_get").type == "t2.large"
    assert run("%aws_state") == "running"


def test_the_terminate_commands_terminate_the_instance(rent, run, paste):
    rent()
    run("%aws_get gpu")

    paste(run("%aws_terminate --explain"))

    with pytest.raises(NoSuchInstance, match="no longer exists"):
        context.load().resolve_instance()


def test_explain_changes_nothing(rent, run):
    rent(state="stopped")
    run("%aws_get gpu")

    for line in ("%aws_start", "%aws_stop", "%aws_resize t2.large", "%aws_terminate", "%aws_ip"):
        run(f"{line} --explain")

    assert run("%aws_state") == "stopped"
    assert run("%aws_get").type == "t2.micro"


def test_the_ssh_command_works_in_a_shell(cloud, run, paste):
    run("%aws_launch t2.micro -y")

    assert paste(run("%aws_ssh --explain echo hello")) == "hello\n"
