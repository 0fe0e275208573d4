"""What AWS says, by its code, operation and message, and what a person is told."""

from __future__ import annotations

import hashlib
import json

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from dl_magics import errors
from dl_magics.aws import error_rules
from dl_magics.aws.error_mapping import map_boto_errors
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession

PROFILE = AwsProfile(profile="uni", region="us-east-1")
ID = "i-0123456789abcdef0"

# Code, operation, message of AWS; our error; words of what happened or what to type.
SAID_BY_AWS = [
    (
        "AuthFailure",
        "RunInstances",
        "Not authorized for images: [ami-0aaaaaaaaaaaaaaaa]",
        errors.NoSuchImage,
        ["ami-0aaaaaaaaaaaaaaaa", "Omit --image"],
    ),
    (
        "AuthFailure",
        "DescribeInstances",
        "AWS was not able to validate the provided access credentials",
        errors.NoCredentials,
        ["access keys", "aws configure --profile uni"],
    ),
    (
        "UnauthorizedOperation",
        "RunInstances",
        "You are not authorized to perform this operation with an explicit deny in a service "
        "control policy.",
        errors.NotAllowed,
        ["service control policy", "administrator"],
    ),
    (
        "UnauthorizedOperation",
        "RunInstances",
        "You are not authorized to perform this operation.",
        errors.NotAllowed,
        ["ec2:RunInstances", '"Effect": "Allow"'],
    ),
    (
        "OperationNotPermitted",
        "TerminateInstances",
        f"The instance '{ID}' may not be terminated. Modify its 'disableApiTermination' instance "
        "attribute and try again.",
        errors.WrongState,
        [ID, f"--instance-id {ID} --no-disable-api-termination"],
    ),
    (
        "OperationNotPermitted",
        "StopInstances",
        f"The instance '{ID}' may not be stopped. Modify its 'disableApiStop' instance attribute "
        "and try again.",
        errors.WrongState,
        [ID, "--no-disable-api-stop"],
    ),
    (
        "UnsupportedOperation",
        "StopInstances",
        f"You can't stop the Spot Instance '{ID}' because it is associated with a one-time Spot "
        "Instance request.",
        errors.WrongState,
        [f"%aws_terminate {ID} -f"],
    ),
    (
        "MissingInput",
        "RunInstances",
        "No subnets found for the default VPC 'vpc-1'. Please specify a subnet.",
        errors.CloudRefused,
        ["aws ec2 create-default-vpc"],
    ),
    (
        "VPCIdNotSpecified",
        "CreateSecurityGroup",
        "No default VPC for this user",
        errors.CloudRefused,
        ["no default VPC", "create-default-vpc"],
    ),
    (
        "PendingVerification",
        "RunInstances",
        "Your request for accessing resources in this region is being validated.",
        errors.CloudRefused,
        ["being validated", "four hours"],
    ),
    (
        "OptInRequired",
        "RunInstances",
        "In order to use this AWS Marketplace product you need to accept terms and subscribe.",
        errors.CloudRefused,
        ["accept terms"],
    ),
    (
        "VolumeLimitExceeded",
        "RunInstances",
        "Maximum volume size of 50 TiB exceeded",
        errors.QuotaReached,
        ["50 TiB", "EBS quota"],
    ),
    (
        "RequestExpired",
        "RunInstances",
        "Request has expired.",
        errors.NoCredentials,
        ["expired", "aws sso login --profile uni"],
    ),
    (
        "SomethingNew",
        "RunInstances",
        "AWS has a new reason.",
        errors.CloudRefused,
        ["RunInstances", "a new reason", "SomethingNew"],
    ),
]


def told(raised):
    """Return the two lines of an error that is raised inside the session."""
    with pytest.raises(errors.DLMagicsError) as error, map_boto_errors(PROFILE):
        raise raised
    return error.value, f"{error.value}\n{error.value.fix}"


@pytest.mark.parametrize(("code", "call", "message", "kind", "words"), SAID_BY_AWS)
def test_an_error_of_aws_is_told_with_its_words_and_what_to_type(code, call, message, kind, words):
    error, text = told(ClientError({"Error": {"Code": code, "Message": message}}, call))

    assert type(error) is kind
    assert [word for word in words if word not in text] == []


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
    named = [name for rule in error_rules.BOTO_EXCEPTIONS for name in rule.names.split()]

    assert [name for name in named if not hasattr(exceptions, name)] == []


def test_no_fix_is_the_line_that_failed():
    fixes = [(rule.calls, rule.fix) for rule in error_rules.ERROR_CODES]

    assert [fix for calls, fix in fixes if calls == "StopInstances" and "%aws_stop" in fix] == []
