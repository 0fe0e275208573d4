"""All regions of the account at once."""

from __future__ import annotations

from dl_magics.actions.aws import context, regions
from dl_magics.core.instance import Instances


def test_the_instances_of_all_regions_are_in_one_table(cloud, run, rent):
    rent(name="here")
    run("%aws_region us-west-2")
    rent(name="there")
    run("%aws_region us-east-1")

    listing = run("%aws_list --everywhere")

    rows = {each.name: each.zone[:-1] for each in listing if not each.gone}
    assert rows == {"here": "us-east-1", "there": "us-west-2"}
    assert listing.heads[1] == "region"
    assert "2 running at $0.0332/h" in listing.summary
    check = repr(run("%aws_check"))
    assert "there (t2.micro" in check
    assert "runs in us-west-2, $0.0166/h (20" in check
    assert ") → %aws_region us-west-2, then %aws_stop" in check
    run("%aws_region us-west-2")
    run("%aws_terminate there -f")


def test_a_region_that_refuses_is_named(cloud):
    def read(there):
        return there.ec2.describe_instance("i-00000000000000000")

    found, unread = regions.read_each(context.load(), ["us-east-1"], read)

    assert found == {}
    assert unread[0].startswith("us-east-1 (The instance ID 'i-00000000000000000' does not exist")
    listing = Instances("practice, all 2 regions", (), everywhere=True, unread=("eu-west-1",))
    assert "could not be read: eu-west-1" in listing.summary
