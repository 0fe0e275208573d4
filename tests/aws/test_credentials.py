"""Profiles that assume a role with MFA, and what renews a login that has expired."""

from __future__ import annotations

import getpass
from concurrent.futures import ThreadPoolExecutor

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.aws import credentials
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession
from dl_magics.store import notebook_session

ROLE = """
[profile student]
role_arn = arn:aws:iam::123456789012:role/student
source_profile = ada
mfa_serial = arn:aws:iam::123456789012:mfa/ada
region = us-east-1
endpoint_url = {url}
"""
SECTIONS = """
[profile sso]
sso_session = uni
[profile console]
login_session = arn:aws:iam::123456789012:user/ada
[profile process]
credential_process = okta-login
[profile role]
role_arn = arn:aws:iam::123456789012:role/student
source_profile = sso
[profile device]
role_arn = arn:aws:iam::123456789012:role/student
source_profile = plain
mfa_serial = arn:aws:iam::123456789012:mfa/ada
[profile lab]
aws_session_token = x
[profile plain]
region = us-east-1
"""


@pytest.fixture
def student(account, tmp_path):
    """A profile that assumes a role with MFA."""
    from support.in_process.world import KEY

    config, keys = tmp_path / "config", tmp_path / "credentials"
    config.write_text(ROLE.format(url=account.url))
    keys.write_text(f"[ada]\naws_access_key_id = {KEY.id}\naws_secret_access_key = {KEY.secret}\n")
    return AwsProfile(profile="student", config_file=str(config), credentials_file=str(keys))


@pytest.fixture
def notebook(monkeypatch):
    """This process as one that runs a notebook."""
    monkeypatch.setattr(notebook_session, "_process", notebook_session._Process())
    notebook_session.identify_process(kind="a notebook", variables={})


def test_the_mfa_code_of_a_role_is_asked_once_for_all_kernels(
    student, account, notebook, monkeypatch
):
    prompts = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: prompts.append(prompt) or "123456")

    first = AwsSession(student).query("ec2", "describe_instances")
    AwsSession(student).query("ec2", "describe_instances")

    assert first["Reservations"] == []
    assert prompts == ["Enter MFA code for arn:aws:iam::123456789012:mfa/ada: "]
    (assumed,) = [call.parameters for call in account.calls if call.action == "AssumeRole"]
    assert assumed["TokenCode"] == "123456"


def test_without_input_the_command_that_asks_for_the_mfa_code_is_named(
    student, notebook, monkeypatch
):
    def unavailable(_):
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", unavailable)

    with pytest.raises(errors.NoCredentials, match="requires an MFA code") as refused:
        AwsSession(student).query("ec2", "describe_instances")

    assert "aws sts get-caller-identity --profile student" in refused.value.fix


def test_a_server_or_a_thread_asks_for_no_mfa_code(student, request, monkeypatch):
    prompts = []
    monkeypatch.setattr(getpass, "getpass", prompts.append)
    monkeypatch.setattr(notebook_session, "_process", notebook_session._Process())

    with pytest.raises(errors.NoCredentials, match="requires an MFA code"):
        AwsSession(student).query("ec2", "describe_instances")
    request.getfixturevalue("notebook")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(AwsSession(student).query, "ec2", "describe_instances")
        with pytest.raises(errors.NoCredentials, match="requires an MFA code"):
            asked.result()

    assert prompts == []


def test_a_session_that_expired_is_opened_again_by_the_next_magic(in_account, account):
    account.inject_fault("expired-token", actions=("DescribeInstances",))

    with pytest.raises(errors.NoCredentials, match="has expired"):
        in_account.ec2.list_instances()

    assert context.load().session is not in_account.session


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("sso", "aws sso login --profile sso ·"),
        ("role", "aws sso login --profile role ·"),
        ("console", "aws login --profile console ·"),
        ("process", "credential_process"),
        ("device", "asks for a new MFA code"),
        ("lab", "temporary access keys"),
        ("plain", "or aws login --profile plain, or replace its keys"),
        ("unknown", "aws configure"),
    ],
)
def test_the_renewal_of_a_login_is_that_of_its_profile(name, fix, tmp_path):
    config = tmp_path / "config"
    config.write_text(SECTIONS)

    assert fix in credentials.how_to_log_in(AwsProfile(profile=name, config_file=str(config)))
