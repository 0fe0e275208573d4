from __future__ import annotations

import pytest

from dl_magics.actions.aws import context
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession

CLOSED = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_PROXY": CLOSED, "http_proxy": CLOSED, "NO_PROXY": "", "no_proxy": ""},
        {"AWS_ENDPOINT_URL": CLOSED},
        {"AWS_ENDPOINT_URL_EC2": CLOSED, "AWS_ENDPOINT_URL_STS": CLOSED},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_PROFILE": "other", "AWS_REGION": "eu-west-1"},
        {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "x"},
        {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_no_variable_leaves_the_practice_cloud(cloud, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    current = context.load()

    assert current.region == "us-east-1"
    assert current.session.account_id == "123456789012"
    assert isinstance(current.ec2.list_instances(), list)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")],
)
def test_a_region_is_in_a_partition(region, partition):
    assert AwsSession(AwsProfile(region=region)).partition == partition


def test_an_unknown_region_is_in_no_partition():
    assert AwsSession(AwsProfile(region="mars-east-1")).partition == ""
