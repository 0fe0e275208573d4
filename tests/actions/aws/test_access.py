"""Port 22 is open to the address that this computer has now, and how an instance is reached."""

from __future__ import annotations

import subprocess

import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.aws.network import security_group
from dl_magics.ssh import blocking, connection, known_hosts


def open_to(instance):
    session = context.load().session
    return [
        source
        for group in instance.groups
        for source in security_group.list_sources(session, group)
    ]


@pytest.fixture
def launched(cloud, run):
    return run("%aws_launch t2.micro -y")


def test_a_changed_address_is_allowed_at_the_next_start_and_said(launched, address, run, capsys):
    address.address = "198.51.100.9"
    capsys.readouterr()

    started = run("%aws_start")

    said = capsys.readouterr().out
    assert open_to(started) == ["198.51.100.9/32"]
    assert "Port 22 is open to 198.51.100.9/32 now, no longer to 198.51.100.7/32." in said
    assert said.count("198.51.100.9") == 1
    run("%aws_start")
    assert "Port 22" not in capsys.readouterr().out


def test_without_the_address_service_the_rule_stays_and_the_start_goes_on(launched, run, capsys):
    run("%aws_profile --address-url https://127.0.0.1:9/")

    started = run("%aws_start")

    assert started.answers
    assert open_to(started) == ["198.51.100.7/32"]
    assert "Port 22 stays open to 198.51.100.7/32" in capsys.readouterr().out
    lines = {line.what: line.mark for line in run("%aws_check").lines}
    assert (lines["your address"], lines["security group"]) == ("✗", "!")


def test_without_the_address_service_and_a_rule_the_fix_is_an_option_of_the_start(launched, run):
    session = context.load().session
    security_group.authorize_sources(session, launched.groups[0], [])
    run("%aws_profile --address-url https://127.0.0.1:9/")

    with pytest.raises(errors.NoAddress) as refused:
        run("%aws_start")
    script = run("%aws_start --explain --allow-from 198.51.100.0/24 2001:db8::/48")
    started = run("%aws_start --allow-from 198.51.100.0/24 2001:db8::/48")

    assert "--allow-from" in refused.value.fix
    assert sorted(open_to(started)) == ["198.51.100.0/24", "2001:db8::/48"]
    assert "CidrIpv6" in script


def test_an_instance_without_a_public_address_is_reached_at_its_private_one(cloud, run, rent):
    session = context.load().session
    subnet = session.query("ec2", "describe_subnets")["Subnets"][0]["SubnetId"]
    session.change_ec2(
        "modify_subnet_attribute", SubnetId=subnet, MapPublicIpOnLaunch={"Value": False}
    )
    try:
        rent(name="inside", SubnetId=subnet)
    finally:
        session.change_ec2(
            "modify_subnet_attribute", SubnetId=subnet, MapPublicIpOnLaunch={"Value": True}
        )

    inside = run("%aws_get inside")

    target = access.resolve_target(context.load(), inside)
    assert inside.ip is None
    assert inside.public_addresses == 0
    assert target.host == inside.private_ip == run("%aws_ip")
    assert inside.private_ip in repr(run("%aws_list"))
    assert inside.private_ip in run("%aws_ssh --explain")


BASTION = """
Host bastion
  HostName 127.0.0.1
  Port {bastion_port}
  User root
  IdentityFile {key}
Host {private_ip}
  HostName 127.0.0.1
  Port {port}
  ProxyJump bastion
"""


@pytest.fixture
def behind_a_bastion(uni, run, sshd, tmp_path):
    """An instance with a private address only; the ssh_config of its profile has the bastion."""
    key = sshd.install() / "k"
    ec2 = uni.client()
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
    inside = run(f"%aws_get {uni.launch(SubnetId=subnet)} --user root --identity {key}")
    config = tmp_path / "ssh_config"
    ports = {"port": sshd.port, "bastion_port": sshd.jump_port}
    config.write_text(BASTION.format(key=key, private_ip=inside.private_ip, **ports))
    run(f"%aws_profile --ssh-config {config}")
    known_hosts.pin_keys(inside.id, sshd.public_key)
    yield inside
    blocking.wait_for(connection.drop_shared(inside.id))


def test_a_private_address_is_reached_through_the_bastion_of_ssh_config(
    behind_a_bastion, run, sshd
):
    def logins():
        return (sshd.folder / "log").read_text().count("Accepted publickey for root")

    before = logins()

    assert run("%aws_ssh echo here").stdout == "here\n"

    assert behind_a_bastion.ip is None
    assert logins() == before + 2
    script = run("%aws_ssh --explain echo there")
    pasted = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert pasted.stdout == "there\n", pasted.stderr
    assert logins() == before + 4


@pytest.mark.parametrize(
    ("ended", "fix"), [("stop", "%aws_start i-"), ("terminate", "%aws_list shows the others.")]
)
def test_an_instance_that_ends_while_ssh_is_waited_for_is_named_with_the_reason(
    uni, run, tmp_path, ended, fix
):
    closed = tmp_path / "ssh_config"
    closed.write_text("Host *\n  HostName 127.0.0.1\n  Port 9\n")
    run(f"%aws_profile --ssh-config {closed}")
    current = context.load()
    launched = current.ec2.describe_instance(uni.launch())
    change = {"stop": uni.client().stop_instances, "terminate": uni.client().terminate_instances}
    change[ended](InstanceIds=[launched.id])

    with pytest.raises(errors.WrongState, match="it ended before SSH answered") as refused:
        list(access.until_ssh_answers(current, current.ec2, launched))

    assert refused.value.fix.startswith(fix)
    assert "User initiated" in str(refused.value)
