from __future__ import annotations

import base64
import gzip
import shlex
from pathlib import Path

import pytest

from dl_magics.practice.hosts import cloud_init
from support.ec2_client import until

LOG = Path("/var/log/cloud-init-output.log")
ENDED = "the user-data ended with status 0"


def ended(renter, instance_id):
    log = renter.profile.ssh_config.parent / "instances" / instance_id / "var/log" / LOG.name
    until(lambda: log.exists() and ENDED in log.read_text())
    return renter.run(instance_id, f"sudo cat {LOG}").stdout


def test_a_script_runs_once_and_its_output_is_logged(renter):
    script = "#!/bin/bash\necho was here; whoami >/dev/null; pwd >> boots; touch /opt/mark"
    instance_id = renter.launch(UserData=script)

    said = ended(renter, instance_id)
    renter.stop(instance_id)
    renter.start(instance_id)

    assert said.startswith("was here\n")
    assert renter.run(instance_id, "wc -l < boots").stdout.strip() == "1"
    assert renter.run(instance_id, "ls ../opt").stdout == "mark\n"


def test_a_compressed_cloud_config_writes_its_files_and_runs_its_commands(renter):
    code = base64.b64encode(b"#!/bin/sh\necho guarded > /home/ubuntu/said\n").decode()
    config = f"""#cloud-config
write_files:
- path: /opt/dl-magics/guard
  permissions: '0755'
  encoding: b64
  content: {code}
- path: /home/ubuntu/plain
  content: first
- path: /home/ubuntu/plain
  content: second
  append: true
runcmd:
- [/opt/dl-magics/guard]
- echo "$USER" > /etc/who
"""
    instance_id = renter.launch(UserData=gzip.compress(config.encode()))

    ended(renter, instance_id)

    assert renter.run(instance_id, "cat said plain ../etc/who").stdout == (
        "guarded\nfirstsecondubuntu\n"
    )


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x1f\x8bnot gzip", b"\x1f\x8b\x08" + bytes(20)])
def test_damaged_gzip_is_no_cloud_config_and_ends_nothing(content):
    assert not cloud_init.decode_user_data(content).startswith("#")


@pytest.mark.parametrize("command", ["/sbin/shutdown -h now", "sudo shutdown -h now"])
def test_a_shutdown_in_the_user_data_stops_the_instance(renter, command):
    made = renter.run_instances(UserData=f"#!/bin/sh\n{command}\n")

    renter.until(made["InstanceId"], "stopped")


def test_a_stop_ends_running_user_data(renter):
    instance_id = renter.launch(UserData="#!/bin/sh\nsleep 600\n")
    renter.run(instance_id, "true")

    renter.stop(instance_id)

    assert renter.state(instance_id) == "stopped"


def test_boot_commands_run_at_each_boot_before_ssh_answers(renter):
    config = "bootcmd: [[sh, -c, 'date >> /opt/boots'], 'echo last > /opt/last']"
    instance_id = renter.launch(UserData=f"#cloud-config\n{config}\n")

    first = renter.run(instance_id, "sudo cat /opt/boots /opt/last").stdout
    renter.stop(instance_id)
    renter.start(instance_id)
    second = renter.run(instance_id, "sudo cat /opt/boots").stdout

    assert first.endswith("\nlast\n")
    assert [text.count("\n") for text in (first, second)] == [2, 2]


@pytest.mark.parametrize("path", ["/tmp/a/b", "/etc/../../../../outside", "../../outside"])
def test_no_file_is_written_outside_the_folder_of_the_instance(renter, cloud, path):
    words = shlex.quote(path)
    instance_id = renter.launch(
        UserData=f"#cloud-config\nwrite_files: [{{path: {words}, content: never-outside}}]\n"
        "runcmd: [echo]\n"
    )

    ended(renter, instance_id)

    here = cloud.folder / "instances" / instance_id
    outside = [each for each in cloud.folder.rglob("outside") if not each.is_relative_to(here)]
    assert outside == []
    assert not (cloud.folder.parent / "outside").exists()
