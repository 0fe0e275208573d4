from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import boto3
import pytest

pytestmark = pytest.mark.skipif(not shutil.which("aws"), reason="needs the aws command")


def aws(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["aws", *words, "--output", "json"]
    # The command may be a shim that is lost without the home it was installed in.
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ})


def test_the_aws_cli_can_launch_stop_resize_and_start(renter):
    launch = f"--image-id {renter.image()} --instance-type t2.micro --client-token evening"
    made = json.loads(aws("ec2", "run-instances", *launch.split()).stdout)["Instances"][0]
    ids = ["--instance-ids", made["InstanceId"]]
    renter.until(made["InstanceId"], "running")

    stopped = aws("ec2", "stop-instances", *ids)
    renter.until(made["InstanceId"], "stopped")
    resize = ["modify-instance-attribute", "--instance-id", made["InstanceId"], "--instance-type"]
    retired = aws("ec2", *resize, "p2.xlarge")
    resized = aws("ec2", *resize, "g4dn.xlarge")
    started = aws("ec2", "start-instances", *ids)
    renter.until(made["InstanceId"], "running")
    query = "Reservations[0].Instances[0].PublicIpAddress"
    address = aws("ec2", "describe-instances", *ids, "--query", query)

    assert '"stopping"' in stopped.stdout
    assert "(Unsupported)" in retired.stderr
    assert resized.returncode == 0
    assert '"pending"' in started.stdout
    assert json.loads(address.stdout).startswith("203.0.113.")


def test_the_aws_cli_shows_an_error_of_the_practice_cloud(renter, cloud):
    cloud.inject_fault("not-allowed")

    refused = aws("ec2", "describe-instances")

    assert refused.returncode != 0
    assert "An error occurred (UnauthorizedOperation)" in refused.stderr


def test_the_aws_cli_shows_the_errors_of_aws_for_other_signatures(renter, monkeypatch):
    unsigned = aws("ec2", "describe-instances", "--no-sign-request")
    unsigned_sts = aws("sts", "get-caller-identity", "--no-sign-request")
    known = boto3.Session().get_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", known.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    guessed = aws("ec2", "describe-instances")
    guessed_sts = aws("sts", "get-caller-identity")
    guessed_quota = aws("service-quotas", "list-service-quotas", "--service-code", "ec2")

    codes = [
        re.search(r"An error occurred \((\w+)\)", each.stderr)[1]
        for each in (unsigned, unsigned_sts, guessed, guessed_sts, guessed_quota)
    ]
    assert codes == [
        "MissingParameter",
        "MissingAuthenticationToken",
        "AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
    ]


def test_the_aws_cli_reads_prices_quotas_and_the_caller(renter):
    ask = "service-quotas get-service-quota --service-code ec2 --quota-code L-DB2E81BA"
    quota = aws(*ask.split())
    ask = "pricing get-products --service-code AmazonEC2 --filters"
    price = aws(*ask.split(), "Type=TERM_MATCH,Field=instanceType,Value=g5.xlarge")
    who = aws("sts", "get-caller-identity")

    assert json.loads(quota.stdout)["Quota"]["Value"] == 64.0
    assert "g5.xlarge" in price.stdout
    assert "123456789012" in who.stdout
