from __future__ import annotations

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from dl_magics.errors import DLMagicsError
from support.ec2_client import ONE_TRY

HASTY = ONE_TRY.merge(Config(read_timeout=1))


@pytest.mark.parametrize(
    ("name", "expected", "aim"),
    [
        ("connection-reset", ConnectionClosedError, {}),
        ("time-out", ReadTimeoutError, {"seconds": 6}),
        ("malformed", ResponseParserError, {}),
    ],
)
def test_a_network_fault_breaks_one_call(renter, cloud, name, expected, aim):
    cloud.inject_fault(name, **aim)

    with pytest.raises(expected):
        renter.client("ec2", HASTY).describe_instances()

    renter.ec2.describe_instances()


def test_other_calls_are_served_during_a_timeout(renter, cloud):
    cloud.inject_fault("time-out", seconds=6, actions=["DescribeVolumes"])

    with pytest.raises(ReadTimeoutError):
        renter.client("ec2", HASTY).describe_volumes()

    renter.ec2.describe_instances()


def test_an_unknown_fault_is_rejected_with_the_known_names(cloud):
    with pytest.raises(DLMagicsError, match="'no-capacty'") as error:
        cloud.inject_fault("no-capacty")

    assert "no-capacity" in error.value.fix
