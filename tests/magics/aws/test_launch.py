from __future__ import annotations

import _thread
import io
import threading

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.store import state
from support.cloud import start_in_second_kernel
from support.s3.roles import make_role


def test_two_equal_launches_at_once_create_one_instance(cloud_with_hosts, run, aws_shell):
    other = start_in_second_kernel("%aws_launch t2.micro -y")

    mine = run("%aws_launch t2.micro -y")

    output, _ = other.communicate()
    assert other.returncode == 0, output
    assert [each.id for each in context.load().ec2.list_instances() if not each.gone] == [mine.id]


def test_a_launch_shows_its_facts_and_asks_for_confirmation_once(cloud, run, monkeypatch, capsys):
    questions = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "n")

    with pytest.raises(errors.NotConfirmed, match="Nothing was changed"):
        run("%aws_launch g4dn.xlarge")

    assert questions == ["Do it? [y/N] "]
    first, *facts = capsys.readouterr().out.splitlines()
    assert first == "Launch 'gpu' in practice · us-east-1, account 123456789012:"
    assert max(map(len, facts)) <= 100
    shown = dict(line.split(maxsplit=1) for line in facts)
    assert shown["type"] == "g4dn.xlarge (T4 16 GiB)"
    assert shown["price"].startswith("$0.526/h by the ")
    assert shown["address"] == "public IPv4, $0.005/h by the bundled table of 2024-02-01"
    assert shown["disk"].startswith("100 GiB, $8.00 a month by the ")
    assert "open to 198.51.100.7/32" in shown["port"]
    assert [each for each in context.load().ec2.list_instances() if not each.gone] == []


def test_without_input_a_launch_requires_y(cloud, run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(errors.NotConfirmed) as refused:
        run("%aws_launch t2.micro")

    assert "-y" in refused.value.fix


def test_a_dry_run_remembers_no_address_range(cloud, run):
    planned = run("%aws_launch t2.micro --allow-from 203.0.113.0/24 --dry-run")

    assert planned.sources == ("203.0.113.0/24",)
    assert run("%aws_launch t2.micro --dry-run").sources != planned.sources


def test_a_launch_does_not_take_over_an_instance_of_the_same_name(cloud, run, rent):
    theirs = rent("t2.micro", "gpu")

    with pytest.raises(errors.WrongState, match="someone else") as refused:
        run("%aws_launch t2.micro -y")

    assert "--name OTHER" in refused.value.fix
    assert context.load().selected_id != theirs


def test_a_launch_with_the_name_of_another_type_is_refused(cloud, run):
    run("%aws_launch t2.micro -y")

    with pytest.raises(errors.WrongState) as refused:
        run("%aws_launch t2.large -y")

    assert "%aws_resize t2.large gpu" in refused.value.fix
    assert "--name" in refused.value.fix


def test_the_line_that_changes_the_type_of_an_instance_with_spaces_in_its_name_does_so(cloud, run):
    launched = run("%aws_launch t2.micro --name 'my gpu' -y")

    with pytest.raises(errors.WrongState) as refused:
        run("%aws_launch t2.large --name 'my gpu' -y")

    advised = refused.value.fix.partition(" changes")[0]
    assert run(f"{advised} -y").id == launched.id
    assert run("%aws_get").type == "t2.large"


def test_a_launch_requires_imdsv2_and_encrypts_the_disk(cloud, run):
    launched = run("%aws_launch t2.micro --disk 120 -y")

    ask = context.load().session.query
    (found,) = ask("ec2", "describe_instances", InstanceIds=[launched.id])["Reservations"]
    instance = found["Instances"][0]
    (disk,) = ask(
        "ec2",
        "describe_volumes",
        Filters=[{"Name": "attachment.instance-id", "Values": [launched.id]}],
    )["Volumes"]
    behaviour = ask(
        "ec2",
        "describe_instance_attribute",
        InstanceId=launched.id,
        Attribute="instanceInitiatedShutdownBehavior",
    )
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert (disk["Size"], disk["Encrypted"], disk["VolumeType"]) == (120, True, "gp3")
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    assert launched.ours


def test_allow_from_is_kept_until_me_resets_it(cloud, run):
    launched = run("%aws_launch t2.micro --allow-from 198.51.100.0/24 203.0.113.9 -y")

    rules = context.load().session.query(
        "ec2", "describe_security_groups", GroupIds=list(launched.groups)
    )
    sources = [
        each["CidrIp"]
        for rule in rules["SecurityGroups"][0]["IpPermissions"]
        for each in rule["IpRanges"]
    ]
    assert sorted(sources) == ["198.51.100.0/24", "203.0.113.9/32"]
    run("%aws_launch t2.micro --allow-from me -y")
    assert state.read().allow_from == ()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("%aws_start no-such-gpu -y", errors.NoSuchInstance),
        ("%aws_start asleep", errors.NotConfirmed),
        ("%aws_launch t2.micro", errors.NotConfirmed),
        ("%aws_launch t2.micro --count 2 --name crew", errors.NotConfirmed),
    ],
)
def test_allow_from_of_a_line_that_is_refused_is_not_kept(cloud, run, rent, line, error):
    rent(name="asleep", state="stopped")

    with pytest.raises(error):
        run(f"{line} --allow-from 198.51.100.0/24")

    assert state.read().allow_from == ()


@pytest.mark.parametrize("source", ["0.0.0.0/0", "somewhere"])
def test_an_invalid_or_unrestricted_range_is_refused(cloud, run, source):
    with pytest.raises(errors.BadSetting) as refused:
        run(f"%aws_launch t2.micro --allow-from {source} -y")

    assert "--allow-from 203" in refused.value.fix


def test_an_unknown_public_address_suggests_allow_from(cloud, run, address):
    address.address = "<html>log in first</html>"

    with pytest.raises(errors.NoAddress) as refused:
        run("%aws_launch t2.micro -y")

    assert "--allow-from" in refused.value.fix


def test_an_address_service_without_https_is_refused(cloud, run):
    run("%aws_profile --address-url http://example.com/ip")

    with pytest.raises(errors.BadSetting, match="https"):
        run("%aws_launch t2.micro -y")


def test_a_quota_that_is_too_small_is_reported_before_the_launch(cloud, run):
    with pytest.raises(errors.QuotaReached) as refused:
        run("%aws_launch g4dn.metal -y")

    assert "96 vCPUs" in str(refused.value)
    assert "L-DB2E81BA" in refused.value.fix


def test_a_launch_can_be_repeated_after_an_interrupt(cloud_with_hosts, run):
    cloud_with_hosts.inject_fault("slow-boot", seconds=3)

    threading.Timer(1.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        run("%aws_launch t2.micro -y")

    launched = run("%aws_launch t2.micro -y")

    assert launched.answers
    assert [each.id for each in context.load().ec2.list_instances() if not each.gone] == [
        launched.id
    ]


def test_an_instance_profile_is_shown_launched_and_kept_while_stopped(cloud, run):
    make_role(cloud.client("iam"), "photos-reader")

    script = run("%aws_launch t2.micro --instance-profile photos-reader --explain")
    plan = run("%aws_launch t2.micro --instance-profile photos-reader --dry-run")
    launched = run("%aws_launch t2.micro --instance-profile photos-reader -y")
    again = run("%aws_launch t2.micro --instance-profile photos-reader -y")
    stopped = run("%aws_stop")

    assert """--iam-instance-profile '{"Name": "photos-reader"}'""" in str(script)
    assert "  role     that of instance profile photos-reader" in str(plan)
    assert repr(launched).endswith(f"(t2.micro, {launched.id}, instance profile photos-reader)")
    assert again.id == launched.id
    assert context.load().resolve_instance().instance_profile == "photos-reader"
    assert "photos-reader" in repr(context.load().resolve_instance())
    assert stopped


def test_a_launch_does_not_ignore_that_the_instance_has_another_role(cloud, run):
    make_role(cloud.client("iam"), "photos-reader")
    made = run("%aws_launch t2.micro -y")

    with pytest.raises(errors.WrongState, match="without an instance profile") as refused:
        run("%aws_launch t2.micro --instance-profile photos-reader -y")

    command = f"associate-iam-instance-profile --instance-id {made.id} "
    assert f"{command}--iam-instance-profile Name=photos-reader" in refused.value.fix


@pytest.mark.parametrize(
    ("obstacle", "kind", "happened", "fix"),
    [
        ("no profile", errors.BadSetting, "no such instance profile", "after some seconds"),
        ("no role", errors.BadSetting, "has no role", "add-role-to-instance-profile"),
        (
            "no-pass-role",
            errors.NotAllowed,
            "iam:PassRole on arn:aws:iam::123456789012:role/photos-reader",
            '"Resource": "arn:aws:iam::123456789012:role/photos-reader", "Condition"',
        ),
    ],
)
def test_a_profile_that_cannot_be_given_is_refused_with_what_is_missing(
    cloud, run, obstacle, kind, happened, fix
):
    iam = cloud.client("iam")
    if obstacle == "no role":
        iam.create_instance_profile(InstanceProfileName="photos-reader")
    elif obstacle == "no-pass-role":
        make_role(iam, "photos-reader")
        cloud.inject_fault(obstacle)

    with pytest.raises(kind, match=happened) as refused:
        run("%aws_launch t2.micro --instance-profile photos-reader -y")

    assert fix in refused.value.fix
    assert not context.load().ec2.list_instances()
