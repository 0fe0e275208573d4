from __future__ import annotations

import re

import asyncssh
import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.store import logins, state

ROCKY = "ami-0d1ea5e5c10bd5a14"
DEBIAN = "ami-0d1ea5e5c10bd5a15"


def test_a_name_with_spaces_is_quoted_as_in_a_shell(cloud, run, rent):
    rent(name="my gpu box")

    assert run('%aws_get "my gpu box"').name == "my gpu box"
    assert run("%aws_stop 'my gpu box'").name == "my gpu box"


@pytest.mark.parametrize("name", ["gpu{opened.append(1)}", "$opened", "my gpu", "-y"])
def test_advice_that_is_typed_names_the_instance_and_runs_nothing_of_its_name(
    rent, run, aws_shell, capsys, name
):
    aws_shell.user_ns["opened"] = []
    id_ = rent(name=name)
    run(f"%aws_get {id_}")
    (advised,) = re.findall(r"%aws_get .* --guard", capsys.readouterr().out)

    run(f"{advised} --explain")

    assert advised == f"%aws_get {id_} --guard"
    assert aws_shell.user_ns["opened"] == []
    assert run(advised.removesuffix(" --guard")).id == id_


def test_a_gpu_name_can_replace_the_type(rent, run):
    rent("t2.micro", name="small")
    id_ = rent("g4dn.xlarge", name="big")

    assert run("%aws_get t4").id == id_
    assert {row[1].split()[-3] for row in run("%aws_prices A10G").rows} == {"A10G"}


def test_a_magic_without_arguments_changes_nothing(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    before = state.read()

    for line in ("%aws_get", "%aws_resize", "%aws_profile", "%aws_region", "%aws_launch"):
        run(line)
    run("%aws_cleanup")

    assert state.read() == before
    assert run("%aws_get").type == launched.type
    assert run("%aws_state") == "running"


def test_an_image_is_logged_in_to_as_its_own_user(cloud_with_hosts, run):
    launched = run(f"%aws_launch t2.micro --image {ROCKY} -y")

    assert launched.answers
    assert repr(run("%aws_ssh echo $USER")).strip() == "rocky"


def test_an_instance_of_others_is_logged_in_to_as_the_user_of_its_image(
    cloud_with_hosts, run, tmp_path
):
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "thesis.pem"))
    change = context.load().session.change_ec2
    change("import_key_pair", KeyName="thesis", PublicKeyMaterial=key.export_public_key())
    tag = {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "thesis"}]}
    asked = {"ImageId": DEBIAN, "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1}
    change("run_instances", KeyName="thesis", TagSpecifications=[tag], **asked)
    run(f"%aws_get thesis --identity {tmp_path / 'thesis.pem'}")
    run("%aws_start")

    assert repr(run("%aws_ssh --trust -y echo $USER")).strip() == "admin"
    run("%aws_get thesis --user ubuntu")
    with pytest.raises(errors.LoginRefused, match="refused the login of ubuntu") as refused:
        run("%aws_ssh echo $USER")
    assert "%aws_get thesis --user USER" in refused.value.fix
    run("%aws_get thesis --user none")
    assert repr(run("%aws_ssh echo $USER")).strip() == "admin"


@pytest.mark.parametrize(
    ("option", "error"),
    [("--user -oProxyCommand=x", errors.BadSetting), ("--identity /nowhere", errors.NoSuchFile)],
)
def test_a_login_that_cannot_be_one_is_refused_at_once(cloud, run, rent, option, error):
    id_ = rent(name="thesis")

    with pytest.raises(error):
        run(f"%aws_get thesis {option.replace(' ', '=')}")

    assert logins.find_login(id_) == logins.Login()
