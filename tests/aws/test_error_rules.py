"""What boto3 says, and what a person is told; for the errors of AWS see test_refusals."""

from __future__ import annotations

import hashlib
import json

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from dl_magics import errors
from dl_magics.aws.error_mapping import map_boto_errors
from dl_magics.aws.error_rules.boto_exceptions import BOTO_EXCEPTIONS
from dl_magics.aws.error_rules.error_codes import ERROR_CODES
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession

PROFILE = AwsProfile(profile="uni", region="us-east-1")


def told(raised):
    """Return the two lines of an error that is raised inside the session."""
    with pytest.raises(errors.DLMagicsError) as error, map_boto_errors(PROFILE):
        raise raised
    return error.value, f"{error.value}\n{error.value.fix}"


@pytest.mark.parametrize(
    ("code", "call", "message", "kind", "words"),
    [
        (
            "AccessDenied",
            "AssumeRole",
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
            errors.NoCredentials,
            ["MFA code", "next code"],
        ),
        (
            "SignatureDoesNotMatch",
            "GetCallerIdentity",
            "Signature expired: 20261126T080000Z is now earlier than 20261126T090000Z",
            errors.NoCredentials,
            ["The clock of this computer is wrong", "date and time"],
        ),
        (
            "InvalidSignatureException",
            "GetParameter",
            "Signature not yet current: 20261126T100000Z is still later than 20261126T090000Z",
            errors.NoCredentials,
            ["The clock of this computer is wrong"],
        ),
        (
            "IncorrectSpotRequestState",
            "StartInstances",
            "You can't start the Spot Instance 'i-1' because the associated Spot Instance request "
            "is not in an appropriate state to support start.",
            errors.WrongState,
            ["appropriate state", "starts it again when it has capacity"],
        ),
    ],
)
def test_an_error_of_aws_is_told_with_what_to_do(code, call, message, kind, words):
    error, text = told(ClientError({"Error": {"Code": code, "Message": message}}, call))

    assert type(error) is kind
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("code", ["AuthFailure", "RequestExpired", "SignatureDoesNotMatch"])
def test_a_wrong_clock_is_not_taken_for_wrong_keys(code):
    headers = {"HTTPHeaders": {"date": "Thu, 26 Nov 2020 08:00:00 GMT"}}
    said = {"Error": {"Code": code, "Message": "AWS was not able to validate the credentials"}}

    _, text = told(ClientError({**said, "ResponseMetadata": headers}, "DescribeInstances"))

    assert "The clock of this computer is wrong by" in text


def test_an_unknown_code_is_told_with_the_operation_and_the_words_of_aws():
    said = {"Error": {"Code": "SomethingNew", "Message": "AWS has a new reason."}}

    error, text = told(ClientError(said, "RunInstances"))

    assert type(error) is errors.CloudRefused
    assert [
        word for word in ("RunInstances", "a new reason", "SomethingNew") if word not in text
    ] == []


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (
            exceptions.MissingDependencyException(msg="It needs botocore[crt]."),
            errors.NotInstalled,
            ['%pip install "botocore[crt]"'],
        ),
        (
            exceptions.CredentialRetrievalError(provider="custom-process", error_msg="no VPN"),
            errors.NoCredentials,
            ["custom-process: no VPN", "credential_process"],
        ),
        (exceptions.UnauthorizedSSOTokenError(), errors.NoCredentials, ["aws sso login"]),
        (
            exceptions.LoginRefreshRequired(),
            errors.NoCredentials,
            ["Your session has expired", "aws login --profile uni"],
        ),
        (
            exceptions.RefreshWithMFAUnsupportedError(),
            errors.NoCredentials,
            ["MFA code", "Run the cell again"],
        ),
        (
            exceptions.ConfigParseError(path="/home/ada/.aws/config"),
            errors.BadSetting,
            ["/home/ada/.aws/config"],
        ),
        (
            exceptions.ProxyConnectionError(proxy_url="http://proxy:3128"),
            errors.NoAnswer,
            ["proxy:3128", "HTTPS_PROXY"],
        ),
        (
            exceptions.SSLError(endpoint_url="https://ec2", error="self-signed certificate"),
            errors.NoAnswer,
            ["self-signed", "AWS_CA_BUNDLE"],
        ),
        (
            exceptions.DataNotFoundError(data_path="ec2"),
            errors.CloudRefused,
            ["Unable to load data for: ec2"],
        ),
    ],
)
def test_an_error_of_boto3_is_told_with_its_words_and_what_to_type(raised, kind, words):
    error, text = told(raised)

    assert type(error) is kind
    assert [word for word in words if word not in text] == []


def test_an_expired_sso_login_asks_for_the_login(tmp_path, monkeypatch):
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (tmp_path / ".aws" / "config").write_text(
        "[profile uni]\nregion = us-east-1\nsso_session = uni\nsso_account_id = 111122223333\n"
        "sso_role_name = Student\n[sso-session uni]\n"
        "sso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"
    )
    token = {"accessToken": "x", "expiresAt": "2024-01-01T00:00:00Z", "region": "us-east-1"}
    (cache / f"{hashlib.sha1(b'uni').hexdigest()}.json").write_text(
        json.dumps({**token, "startUrl": "https://example.awsapps.com/start"})
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(errors.NoCredentials) as refused:
        AwsSession(PROFILE).query("ec2", "describe_instances")

    assert "aws sso login --profile uni" in refused.value.fix


def test_each_rule_of_boto3_names_exceptions_that_exist():
    named = [name for rule in BOTO_EXCEPTIONS for name in rule.names.split()]

    assert [name for name in named if not hasattr(exceptions, name)] == []


def test_no_fix_is_the_line_that_failed():
    fixes = [(rule.calls, rule.fix) for rule in ERROR_CODES]

    assert [fix for calls, fix in fixes if calls == "StopInstances" and "%aws_stop" in fix] == []
