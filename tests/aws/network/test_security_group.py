from __future__ import annotations

import pytest

from dl_magics.actions.aws import context
from dl_magics.aws.network import security_group, subnets


@pytest.fixture
def group(cloud):
    session = context.load().session
    vpc = subnets.find_default_subnets(session)[0].vpc
    made, _ = security_group.ensure_group(session, "rules", vpc)
    security_group.authorize_sources(session, made, [])
    return made


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([], ["198.51.100.7/32"], "Port 22 is open to 198.51.100.7/32 now"),
        (
            ["198.51.100.7/32"],
            ["198.51.100.9/32"],
            "Port 22 is open to 198.51.100.9/32 now, no longer to 198.51.100.7/32",
        ),
        (
            ["198.51.100.7/32"],
            ["2001:db8::/48"],
            "Port 22 is open to 2001:db8::/48 now, no longer to 198.51.100.7/32",
        ),
        (["2001:db8::/48"], ["2001:db8::/48"], ""),
    ],
)
def test_port_22_is_open_to_the_given_sources_only_and_the_change_is_said(
    group, before, after, said
):
    session = context.load().session
    security_group.authorize_sources(session, group, before)

    change = security_group.authorize_sources(session, group, after)

    assert security_group.list_sources(session, group) == after
    assert security_group.describe_rules(session, "rules") == [f"tcp 22 from {after[0]}"]
    assert bool(change) == bool(said)
    assert str(change) == (said or "Port 22 was not changed")


def test_members_of_a_crew_connect_to_each_other_also_from_another_address_of_the_user(group):
    session = context.load().session
    security_group.authorize_sources(session, group, ["198.51.100.7/32"])

    assert security_group.authorize_members(session, group)
    assert not security_group.authorize_members(session, group)
    security_group.authorize_sources(session, group, ["198.51.100.9/32"])

    rules = security_group.describe_rules(session, "rules")
    assert sorted(rules) == ["tcp 0-65535 from its members", "tcp 22 from 198.51.100.9/32"]
    found = session.query("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"][0]
    (rule,) = [each for each in found["IpPermissions"] if each["FromPort"] == 0]
    assert [each["GroupId"] for each in rule["UserIdGroupPairs"]] == [group]
    assert not rule["IpRanges"]
    assert not rule.get("Ipv6Ranges")


def test_each_vpc_may_have_a_group_of_our_name(group):
    session = context.load().session
    other = session.change_ec2("create_vpc", CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]

    made, new = security_group.ensure_group(session, "rules", other)
    again, newer = security_group.ensure_group(session, "rules", other)

    assert (new, newer) == (True, False)
    assert made == again != group
    assert set(security_group.find_groups(session, "rules").values()) == {made, group}
    session.change_ec2("delete_security_group", GroupId=made)
    session.change_ec2("delete_vpc", VpcId=other)
