from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.actions.gpu import free_kernels, host
from dl_magics.store import notebook_session, state
from support.kernel import RECORD, runner, shell_with_magics


def test_user_at_host_is_resolved_without_aws():
    login = host.resolve("ann@lab.example.org:2222", identity="~/.ssh/lab").resolve_target()

    assert (login.user, login.host, login.port) == ("ann", "lab.example.org", 2222)
    assert login.alias == "ann@lab.example.org:2222"
    assert login.key_file == Path("~/.ssh/lab").expanduser()
    assert not login.is_instance


def test_an_ssh_config_entry_is_resolved_without_aws():
    config = Path.home() / ".ssh" / "config"
    config.parent.mkdir()
    config.write_text("Host lab *.example.org !bad # mine\n  User ann\n", "utf-8")

    login = host.resolve("lab").resolve_target()

    assert (login.host, login.user, login.port) == ("lab", "", None)
    assert not login.is_instance
    assert host.resolve("a.example.org").name == "a.example.org"


def test_an_instance_is_found_by_its_id_after_its_address_changed(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    found = host.resolve()
    before = found.resolve_target().host

    run("%aws_stop")
    with pytest.raises(errors.WrongState, match="is stopped") as refused:
        found.resolve_target()
    started = run("%aws_start -y")

    assert found.alias == launched.id
    assert before != started.ip == found.authorize_and_resolve().host
    assert refused.value.fix.startswith("%aws_start gpu, then %gpu_connect gpu ")


@pytest.mark.parametrize("line", ["%gpu_connect 'my gpu'", "%aws_keep 1h 'my gpu'"])
def test_the_advice_names_the_instance_that_is_stopped_not_the_selected_one(cloud, rent, line):
    id_ = rent(name="my gpu", state="stopped")
    rent(name="selected")
    run = runner(shell_with_magics())
    run("%aws_get selected")

    with pytest.raises(errors.WrongState, match="my gpu is stopped") as refused:
        run(line)

    assert refused.value.fix.startswith(f"%aws_start {id_}")
    InteractiveShell.clear_instance()


def test_ssh_is_waited_for_where_the_instance_has_just_started(cloud_with_hosts, run):
    run("%aws_launch t2.micro -y")
    run("%aws_stop")
    cloud_with_hosts.inject_fault("slow-boot", seconds=2)
    aws = context.load()
    *_, started = aws.ec2.start(aws.resolve_instance())
    before = access.is_reachable(aws, started)

    (waits,) = host.resolve().until_booted()

    assert not before
    assert re.fullmatch(r"gpu started \d+ s ago: waiting until SSH answers\.", waits)
    assert access.is_reachable(aws, started)
    assert list(host.resolve().until_booted()) == []
    assert list(host.resolve("ann@lab.example.org").until_booted()) == []


def test_a_terminated_instance_leads_to_another_one_or_to_this_computer(cloud, run):
    run("%aws_launch t2.micro -y")
    found = host.resolve()

    run("%aws_terminate -f")

    with pytest.raises(errors.WrongState, match="its disk and its kernels are gone") as refused:
        found.resolve_target()
    assert refused.value.fix.startswith("%aws_launch")
    assert refused.value.fix.endswith("%gpu_disconnect")


def test_a_host_of_a_practice_cloud_that_has_ended_leads_to_this_computer(run):
    run("%practice on")
    run("%aws_launch t2.micro -y")
    found = host.resolve()

    run("%practice off")

    with pytest.raises(errors.WrongState, match="gpu is in the practice cloud") as refused:
        found.resolve_target()
    assert refused.value.fix == "%practice on · to work on this computer: %gpu_disconnect"


def test_a_new_local_address_is_authorized(cloud, run, address):
    run("%aws_launch t2.micro -y")
    address.address = "198.51.100.99"

    host.resolve().authorize_and_resolve()

    assert "198.51.100.99/32" in str(run("%aws_check"))


def test_a_host_is_restored_from_json():
    found = host.resolve("ann@lab", identity="key")

    assert host.SshHost.from_json(found.to_json()) == found


def test_an_instance_is_restored_from_json_with_its_profile(cloud, run):
    run("%aws_launch t2.micro -y")
    found = host.resolve()

    restored = host.SshHost.from_json(json.loads(json.dumps(found.to_json())))

    assert restored == found
    assert restored.profile == context.load_profile()


def test_an_instance_is_resolved_with_its_own_profile_after_another_one_is_selected(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    found = host.resolve()

    run("%aws_region us-west-2")

    assert found.resolve_target().host == launched.ip
    assert found.authorize_and_resolve().host == launched.ip
    with pytest.raises(errors.NoSuchInstance):
        context.load().resolve_instance(launched.id)


def test_a_later_ssh_config_of_the_same_profile_is_used(cloud, run, tmp_path):
    run("%aws_launch t2.micro -y")
    found = host.resolve()
    config = tmp_path / "bastion_config"
    config.write_text("")

    run(f"%aws_profile --ssh-config {config}")

    assert found.resolve_target().config == str(config)


def test_a_link_to_a_terminated_instance_creates_no_security_group_again(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    lost = host.resolve(launched.id)
    run("%aws_cleanup -f")

    with pytest.raises(errors.WrongState, match="terminated"):
        lost.authorize_and_resolve()

    assert run("%aws_cleanup").each == ()


def test_a_user_that_is_named_logs_in_to_any_host():
    assert host.resolve("192.0.2.1", None, "rocky").alias == "rocky@192.0.2.1"
    assert host.resolve("rocky@192.0.2.1", None, "rocky").alias == "rocky@192.0.2.1"
    with pytest.raises(errors.BadSetting, match="Two users"):
        host.resolve("ada@192.0.2.1", None, "rocky")
    with pytest.raises(errors.BadSetting, match="not a valid user name"):
        host.resolve("192.0.2.1", None, "-oProxyCommand=x")


def test_a_user_that_is_named_for_an_instance_is_kept_for_it(in_account, account):
    id_ = account.launch()

    host.resolve(id_, None, "rocky")

    target = access.resolve_target(in_account, in_account.ec2.describe_instance(id_))
    assert target.user == "rocky"
    host.resolve(id_, None, "none")
    assert access.resolve_target(in_account, in_account.ec2.describe_instance(id_)).user == "ubuntu"


def test_a_gpu_kernel_that_ended_with_its_instance_is_not_offered(cloud, run, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/day/look.ipynb")
    session = notebook_session.current()
    kept, gone = (run(f"%aws_launch t2.micro --name {name} -y") for name in ("kept", "gone"))
    for at, each in enumerate((kept, gone)):
        there = host.SshHost(alias=each.id, name=each.name).to_json()
        record = replace(RECORD, host=there, used_at=time.time() + at)
        state.connect_kernel(each.name, replace(record, notebook=f"/night/{each.name}.ipynb"))
    run("%aws_terminate gone -f")

    fix = free_kernels.explain_not_connected(session).fix
    with pytest.raises(errors.WrongState, match=r"gone is .*: its disk and its kernels are gone"):
        free_kernels.claim(session, "gone")
    run("%aws_stop kept")

    assert "--take-over kept" in fix
    assert "--take-over gone" not in fix
    assert free_kernels.explain_not_connected(session).fix == "%gpu_connect"
    with pytest.raises(errors.NotConnected, match="no GPU kernel of an earlier notebook"):
        free_kernels.claim(session, "")
