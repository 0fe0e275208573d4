"""Requests signed by botocore, unsigned, or changed after they were signed."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from dl_magics import practice
from support.ec2_client import open_session

EC2 = ("ec2", "Action=DescribeInstances&Version=2016-11-15", {})
STS = ("sts", "Action=GetCallerIdentity&Version=2011-06-15", {})
JSON = {"X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1"}
SSM = ("ssm", '{"Name": "mine"}', JSON)
SERVICES = pytest.mark.parametrize("service", [EC2, STS, SSM], ids=["ec2", "sts", "ssm"])
NOT_VALIDATED = (401, "AuthFailure")
INVALID_KEY = {
    "ec2": NOT_VALIDATED,
    "sts": (403, "InvalidClientTokenId"),
    "ssm": (400, "UnrecognizedClientException"),
}
INVALID_SIGNATURE = {
    "ec2": NOT_VALIDATED,
    "sts": (403, "SignatureDoesNotMatch"),
    "ssm": (400, "InvalidSignatureException"),
}


@pytest.fixture(scope="module")
def key(cloud):
    made = practice.ensure_profile(cloud.folder)
    text = made.credentials_file.read_text()
    return Credentials(*re.findall(r" = (\S+)", text))


def signed(cloud, key, service, *, at=None, monkeypatch=None, **scope):
    """Return a request to the cloud, signed by botocore."""
    name, body, headers = service
    request = AWSRequest("POST", f"{cloud.url}/", headers=headers, data=body)
    if at:
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: at)
    SigV4Auth(key, scope.get("service", name), "us-east-1").add_auth(request)
    request.headers["Host"] = cloud.url.removeprefix("http://")
    return request


def send(request):
    """Return the HTTP status and AWS' error code."""
    sent = urllib.request.Request(
        request.url, str(request.data).encode(), dict(request.headers.items()), method="POST"
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(sent) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    code = json.loads(text)["__type"] if text.startswith("{") else None
    return status, code or re.search("<Code>(.+)</Code>", text)[1]


@SERVICES
def test_a_request_that_botocore_signed_is_carried_out(cloud, key, service):
    status, code = send(signed(cloud, key, service))

    assert (status, code) == ((400, "ParameterNotFound") if service is SSM else (200, ""))


@SERVICES
def test_an_unsigned_request_is_refused_as_by_aws(cloud, key, service):
    request = signed(cloud, key, service)
    del request.headers["Authorization"]

    assert (
        send(request)
        == {
            "ec2": (400, "MissingParameter"),
            "sts": (403, "MissingAuthenticationToken"),
            "ssm": (400, "MissingAuthenticationTokenException"),
        }[service[0]]
    )


@SERVICES
def test_an_unknown_access_key_is_refused_as_by_aws(cloud, key, service):
    stranger = Credentials("AKIA0123456789ABCDEF", key.secret_key)

    assert send(signed(cloud, stranger, service)) == INVALID_KEY[service[0]]


@SERVICES
def test_another_secret_is_refused_as_by_aws(cloud, key, service):
    guessed = Credentials(key.access_key, "guessed")

    assert send(signed(cloud, guessed, service)) == INVALID_SIGNATURE[service[0]]


def with_body(request):
    request.data = "Action=DescribeRegions&Version=2016-11-15"


def with_query(request):
    request.url += "?Action=RunInstances"


def with_date(request):
    request.headers.replace_header("X-Amz-Date", "20260101T000000Z")


def with_token(request):
    request.headers["X-Amz-Security-Token"] = "guessed"


def with_unsigned_header(request):
    request.headers["X-Amz-Target"] = "AmazonSSM.GetParameter"


def with_another_service(request):
    header = request.headers["Authorization"]
    request.headers.replace_header("Authorization", header.replace("/ec2/", "/iam/"))


def with_nothing_signed(request):
    header = request.headers["Authorization"]
    changed = re.sub("SignedHeaders=[^,]+", "SignedHeaders=host", header)
    request.headers.replace_header("Authorization", changed)


CHANGES = (
    with_body,
    with_query,
    with_date,
    with_token,
    with_unsigned_header,
    with_another_service,
    with_nothing_signed,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_request_that_was_changed_after_it_was_signed_is_refused(cloud, key, change):
    request = signed(cloud, key, EC2)
    change(request)

    status, code = send(request)

    assert code in {
        "AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
    }
    assert status in (400, 401, 403)


@pytest.mark.parametrize(
    "header", ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b", "Basic x"]
)
def test_an_incomplete_authorization_header_is_refused(cloud, key, header):
    request = signed(cloud, key, EC2)
    request.headers.replace_header("Authorization", header)

    assert send(request) == (400, "IncompleteSignature")


@SERVICES
@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_from_another_time_is_refused_as_by_aws(
    cloud, key, service, minutes, monkeypatch
):
    at = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=minutes)

    refused = send(signed(cloud, key, service, at=at, monkeypatch=monkeypatch))

    expected = {**INVALID_SIGNATURE, "ec2": (400, "RequestExpired")}
    assert refused == expected[service[0]]


def test_botocore_raises_the_error_of_aws(cloud, key):
    guessing = open_session(key.access_key, "guessed", region_name="us-east-1")

    def guess(service, call, **parameters):
        with pytest.raises(ClientError) as error:
            getattr(guessing.client(service, endpoint_url=cloud.url), call)(**parameters)
        return error.value.response["Error"]["Code"]

    assert guess("ec2", "describe_instances") == "AuthFailure"
    assert guess("sts", "get_caller_identity") == "SignatureDoesNotMatch"
    assert guess("ssm", "get_parameter", Name="mine") == "InvalidSignatureException"


def test_a_body_that_is_not_json_is_refused_after_its_signature(cloud, key):
    deep = ("ssm", "[" * 100_000, JSON)

    assert send(signed(cloud, key, deep)) == (400, "SerializationException")
    assert send(signed(cloud, Credentials(key.access_key, "guessed"), deep)) == (
        400,
        "InvalidSignatureException",
    )


def test_a_body_that_is_too_long_for_any_call_is_not_read(cloud, key):
    assert send(signed(cloud, key, ("ec2", "x" * (2**20 + 1), {}))) == NOT_VALIDATED
