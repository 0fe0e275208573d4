from __future__ import annotations

import pytest

from dl_magics.aws.profile import AwsProfile

REAL = {"profile": "work", "region": "eu-central-1"}
PRACTICE = {**REAL, "profile": "practice", "config_file": "/practice/aws/config"}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("settings", "variables", "said"),
    [
        (REAL, {"AWS_PROFILE": "home"}, "AWS_PROFILE=home is not used: the profile work is"),
        (REAL, {"AWS_DEFAULT_PROFILE": "home"}, "AWS_DEFAULT_PROFILE=home is not used"),
        (REAL, {"AWS_REGION": "us-west-2"}, "AWS_REGION=us-west-2 is not used: the region eu-"),
        (REAL, {"AWS_DEFAULT_REGION": "us-west-2"}, "%aws_region us-west-2 selects the other"),
        (REAL, {"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_ACCESS_KEY_ID is not used: the profile work"),
        ({}, {"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_ACCESS_KEY_ID is used"),
        ({}, {"AWS_ENDPOINT_URL": "http://x:1"}, "AWS_ENDPOINT_URL=http://x:1 is used"),
        ({}, {"AWS_ENDPOINT_URL_EC2": "http://x:1"}, "AWS_ENDPOINT_URL_EC2=http://x:1 is used"),
        (PRACTICE, {"AWS_ENDPOINT_URL": "http://x:1"}, "AWS_ENDPOINT_URL is not used: practice"),
        (
            PRACTICE,
            {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is not used",
        ),
        (PRACTICE, {"HTTPS_PROXY": "http://x:1"}, "HTTPS_PROXY is not used: practice has its own"),
    ],
)
def test_a_variable_that_is_not_used_or_moves_the_endpoint_is_named(
    monkeypatch, settings, variables, said
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert said in "\n".join(AwsProfile(**settings).describe_variables())


@pytest.mark.parametrize(
    "variables", [{"AWS_PROFILE": "work"}, {"AWS_REGION": "eu-central-1"}, {"AWS_CA_BUNDLE": "x"}]
)
def test_a_variable_that_agrees_with_the_selection_is_not_named(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert AwsProfile(**REAL).describe_variables() == []


def test_the_name_is_that_of_the_profile_that_boto3_uses(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "home")
    assert AwsProfile().name == "home"
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "work")
    assert AwsProfile().name == "work"
    assert AwsProfile(profile="school").name == "school"
    assert set(AwsProfile().environment.values()) == {"work"}


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_of_the_environment_counts_if_none_is_selected(monkeypatch, name):
    monkeypatch.setenv(name, "ap-south-1")

    assert AwsProfile().named_region == "ap-south-1"
    assert AwsProfile(region="eu-west-1").named_region == "eu-west-1"


def test_aws_region_counts_before_aws_default_region_as_for_the_aws_command(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

    assert AwsProfile().named_region == "ap-south-1"


def test_an_endpoint_of_the_environment_is_that_of_ec2(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")

    assert AwsProfile().environment_endpoint == "http://localhost:4566"
    assert AwsProfile(**PRACTICE).environment_endpoint is None
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert AwsProfile().environment_endpoint is None
