from __future__ import annotations

import _thread
import io
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from dl_magics import errors
from dl_magics.actions.aws import context, selection
from dl_magics.aws import prices
from dl_magics.store import state


def start_in_second_kernel(line, aws_shell):
    """Run a line in a second kernel at the same time; return the process."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "from dl_magics.magics.account import AccountMagics\n"
        "from dl_magics.magics.aws import AwsMagics\n"
        f"s = S.instance(); s.register_magics(AwsMagics, AccountMagics); r = s.run_cell({line!r})\n"
        "raise SystemExit(0 if r.success else 1)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_two_kernels_can_start_the_same_instance_at_once(rent, run, aws_shell):
    rent(state="stopped")
    run("%aws_get gpu")
    other = start_in_second_kernel("%aws_start", aws_shell)

    mine = run("%aws_start")

    output, _ = other.communicate()
    assert other.returncode == 0
    assert "SSH answers" in output
    assert mine.state == "running"


def test_two_equal_launches_at_once_create_one_instance(cloud, run, aws_shell):
    other = start_in_second_kernel("%aws_launch t2.micro -y", aws_shell)

    mine = run("%aws_launch t2.micro -y")

    output, _ = other.communicate()
    assert other.returncode == 0, output
    assert [each.id for each in context.load().ec2.list_instances() if not each.gone] == [mine.id]


def test_a_stop_during_a_start_wins_and_the_start_fails(rent, run, aws_shell, cloud):
    rent(state="stopped")
    run("%aws_get gpu")
    cloud.inject_fault("slow-boot", seconds=8)
    other = start_in_second_kernel("%aws_start", aws_shell)
    while run("%aws_state") == "stopped":
        pass

    run("%aws_stop")

    output, _ = other.communicate()
    assert other.returncode == 1
    assert "WrongState" in output
    assert run("%aws_state") == "stopped"


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "soon"])
def test_a_start_refuses_an_invalid_wait(run, wait):
    with pytest.raises(errors.BadSetting, match="--wait"):
        run(f"%aws_start --wait={wait}")


def test_an_interrupt_ends_only_the_waiting_for_a_start(cloud, run):
    run("%aws_launch t2.micro -y")
    run("%aws_stop")
    cloud.inject_fault("slow-boot", seconds=3)
    stopped = context.load().resolve_instance()

    def interrupt() -> None:
        while context.load().ec2.describe_instance(stopped.id).state == "stopped":
            time.sleep(0.05)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run("%aws_start")

    assert run("%aws_state") == "running"
    assert run("%aws_start").answers


def test_launch_start_and_stop_can_be_repeated(cloud, run):
    launched = run("%aws_launch t2.micro -y")

    again = run("%aws_launch t2.micro -y")
    started = run("%aws_start")
    run("%aws_stop")
    stopped = run("%aws_stop")

    assert again.id == started.id == launched.id
    assert started.launched_at == launched.launched_at
    assert stopped.state == "stopped"


def test_a_stop_shows_the_cost(cloud, run):
    run("%aws_launch g4dn.xlarge -y")

    receipt = run("%aws_stop")

    assert receipt.dollars == pytest.approx(0.526 / 60, rel=0.5)
    assert repr(receipt).startswith("gpu: ")


def test_a_launch_asks_for_confirmation_once_with_the_cost(cloud, run, monkeypatch):
    questions = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "n")

    with pytest.raises(errors.NotConfirmed, match="Nothing was changed"):
        run("%aws_launch g4dn.xlarge")

    (question,) = questions
    assert "$0.526/h" in question
    assert "$8.00 a month" in question
    assert "198.51.100.7/32" in question
    assert list(context.load().ec2.list_instances()) == [
        each for each in context.load().ec2.list_instances() if each.gone
    ]


def test_without_input_a_launch_requires_y(cloud, run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(errors.NotConfirmed) as refused:
        run("%aws_launch t2.micro")

    assert "-y" in refused.value.fix


def test_terminate_needs_force(cloud, run):
    launched = run("%aws_launch t2.micro -y")

    with pytest.raises(errors.NotConfirmed) as refused:
        run("%aws_terminate")
    gone = run("%aws_terminate -f")

    assert launched.id in refused.value.fix
    assert gone.state == "terminated"
    with pytest.raises(errors.NoSuchInstance):
        run("%aws_start")


@pytest.mark.parametrize(
    "line",
    [
        "%aws_terminate g4dn -f",
        "%aws_terminate thesi -f",
        "%aws_stop T4",
        "%aws_start g4dn.xlarge",
        "%aws_resize t2.micro g4dn -y",
    ],
)
def test_what_costs_or_deletes_needs_a_full_name_or_an_id(cloud, run, rent, line):
    thesis = rent("g4dn.xlarge", "thesis")

    with pytest.raises(errors.NoSuchInstance):
        run(line)

    assert run("%aws_state thesis") == "running"
    assert run(f"%aws_stop {thesis}").name == "thesis"


def test_a_selected_instance_that_dl_magics_did_not_launch_is_terminated_only_by_name(
    cloud, run, rent
):
    thesis = rent(name="thesis")
    run("%aws_get thesis")

    with pytest.raises(errors.NotConfirmed, match="did not launch"):
        run("%aws_terminate -f")

    assert run("%aws_state") == "running"
    assert run("%aws_terminate thesis -f").id == thesis


def test_a_name_with_spaces_is_quoted_as_in_a_shell(cloud, run, rent):
    rent(name="my gpu box")

    assert run('%aws_get "my gpu box"').name == "my gpu box"
    assert run("%aws_stop 'my gpu box'").name == "my gpu box"


def test_a_dry_run_remembers_no_address_range(cloud, run):
    planned = run("%aws_launch t2.micro --allow-from 203.0.113.0/24 --dry-run")

    assert planned.sources == ("203.0.113.0/24",)
    assert run("%aws_launch t2.micro --dry-run").sources != planned.sources


def test_a_stop_does_not_ask_for_prices(cloud, run, rent):
    rent("g4dn.xlarge")
    run("%aws_get gpu")
    prices._read_prices.clear()

    receipt = run("%aws_stop")

    assert prices._read_prices == {}
    assert "while stopped the disk costs" in repr(receipt)


def test_more_volumes_than_a_filter_may_name_are_read_in_several_calls(cloud, rent):
    id_ = rent()
    others = [f"i-{n:017x}" for n in range(450)]

    found = context.load().session.query_filtered(
        "describe_volumes", "Volumes", "attachment.instance-id", [*others, id_]
    )

    assert [each["Attachments"][0]["InstanceId"] for each in found] == [id_]


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


def test_a_resize_to_an_unknown_type_is_refused_before_the_stop(cloud, run):
    run("%aws_launch t2.micro -y")

    with pytest.raises(errors.NoSuchType):
        run("%aws_resize zz.huge -y")

    assert run("%aws_state") == "running"


def test_a_magic_without_arguments_changes_nothing(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    before = state.read()

    for line in ("%aws_get", "%aws_resize", "%aws_profile", "%aws_region", "%aws_launch"):
        run(line)
    run("%aws_cleanup")

    assert state.read() == before
    assert run("%aws_get").type == launched.type
    assert run("%aws_state") == "running"


def test_all_checks_pass_after_a_launch(cloud, run):
    run("%aws_launch t2.micro -y")

    report = run("%aws_check")

    assert {line.mark for line in report.lines} == {"✓"}
    assert report.fine


def test_the_checks_continue_after_a_failed_one(cloud, run):
    cloud.inject_fault("not-allowed", actions=["GetCallerIdentity"])

    report = run("%aws_check")

    assert not report.fine
    assert report.lines[0].mark == "✗"
    assert "sts:GetCallerIdentity" in repr(report)
    assert len(report.lines) >= 6


def test_the_policy_is_json_with_the_actions(cloud, run):
    import json

    policy = json.loads(run("%aws_check --policy"))

    assert "ec2:RunInstances" in policy["Statement"][0]["Action"]


def test_the_price_list_shows_memory_prices_and_quota(cloud, run):
    market = run("%aws_prices g4dn")

    row = next(row for row in market.rows if row[0] == "g4dn.xlarge")
    assert row[1:5] == ("T4 16 GiB", "4", "16 GiB", "$0.526/h")
    assert row[5].startswith("$0.1")
    assert row[6] == "64 vCPUs"
    assert "g4dn.xlarge" in market._repr_html_()


def test_without_the_aws_price_list_the_bundled_table_is_used(cloud, run):
    cloud.inject_fault("not-allowed", times=20, actions=["GetProducts"])
    settings = replace(selection.read().profile, region="us-west-2")
    selection.update(lambda before: replace(before, profile=settings))

    plan = run("%aws_launch g5.xlarge --dry-run")

    assert plan.dollars_per_hour == 1.006
    assert plan.price_from.startswith("table")


def test_practice_switches_on_and_off(run, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    settings = state.ProfileSettings(region="eu-west-1")
    selection.update(lambda before: replace(before, profile=settings))

    there = run("%practice on")
    plan = run("%aws_launch t2.micro --dry-run")
    listing = run("%aws_list")
    again = run("%practice on")
    back = run("%practice off")

    assert "practice · us-east-1" in there
    assert "practice" in repr(listing)
    assert plan.sources == ("198.51.100.7/32",)
    assert again == there
    assert "default" in back
    assert run("%practice") == "The practice cloud is off."
    assert context.load_profile().region == "eu-west-1"


def test_practice_starts_at_another_port_where_another_program_took_its_own(run, home):
    run("%practice on")
    record = json.loads((home / "practice" / "practice.json").read_text())
    process = psutil.Process(record["pid"])
    process.kill()
    process.wait()
    with ThreadingHTTPServer(("127.0.0.1", record["port"]), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            with pytest.raises(errors.WrongState, match="practice cloud is not running") as ended:
                run("%aws_list")
            notice = run("%practice on")
            run("%aws_list")
            again = run("%practice on")
        finally:
            other.shutdown()
    run("%practice off")

    assert ended.value.fix == "%practice on"
    assert f"another program uses port {record['port']}" in notice
    assert "another program" not in again


def test_practice_faults_are_listed_and_injected(run):
    run("%practice on")

    names = run("%practice fault")
    run("%practice fault not-allowed")

    assert "no-capacity" in names
    with pytest.raises(errors.NotAllowed):
        run("%aws_list")
    run("%practice off")


def test_a_fault_requires_the_practice_cloud(run):
    with pytest.raises(errors.WrongState) as refused:
        run("%practice fault not-allowed")

    assert refused.value.fix == "%practice on"


def test_every_magic_shows_two_examples(aws_shell):
    magics = aws_shell.magics_manager.magics["line"]
    ours = {
        name: magic for name, magic in magics.items() if name.startswith(("aws_", "manage_aws"))
    }

    assert len(ours) >= 16
    for name, magic in ours.items():
        assert magic.__doc__.count(f"%{name}") + magic.__doc__.count("%aws_get ") >= 2, name


def test_loading_the_magics_imports_no_boto3():
    code = (
        "import sys, dl_magics.magics.aws, dl_magics.magics.account, dl_magics.magics.practice\n"
        "print({'boto3', 'botocore', 'asyncssh', 'moto', 'ipywidgets'} & set(sys.modules))"
    )

    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout.strip() == "set()"


def test_a_gpu_name_can_replace_the_type(rent, run):
    rent("t2.micro", name="small")
    id_ = rent("g4dn.xlarge", name="big")

    assert run("%aws_get t4").id == id_
    assert {row[1].split()[-3] for row in run("%aws_prices A10G").rows} == {"A10G"}


def test_a_launch_can_be_repeated_after_an_interrupt(cloud, run):
    cloud.inject_fault("slow-boot", seconds=3)
    import _thread

    threading.Timer(1.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        run("%aws_launch t2.micro -y")

    launched = run("%aws_launch t2.micro -y")

    assert launched.answers
    assert [each.id for each in context.load().ec2.list_instances() if not each.gone] == [
        launched.id
    ]
