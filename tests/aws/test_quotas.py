"""The vCPUs in use of a quota."""

from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.aws import quotas


@pytest.mark.parametrize(
    ("type_", "family"),
    [
        ("m5.8xlarge", "standard"),
        ("t2.micro", "standard"),
        ("im4gn.large", "standard"),
        ("g4dn.xlarge", "g"),
        ("gr6.4xlarge", "g"),
        ("vt1.3xlarge", "g"),
        ("p3.2xlarge", "p"),
        ("inf2.xlarge", "inf"),
        ("trn1.2xlarge", "trn"),
        ("f2.6xlarge", "f"),
        ("x2idn.16xlarge", "x"),
        ("u-6tb1.56xlarge", "u"),
        ("dl1.24xlarge", "dl"),
        ("hpc7a.12xlarge", "hpc"),
    ],
)
def test_each_type_counts_in_one_quota(type_, family):
    assert quotas.quota_family(type_) == family


@pytest.mark.parametrize(
    ("type_", "family"),
    [
        ("g4dn.xlarge", "g"),
        ("p4d.24xlarge", "p"),
        ("p5.48xlarge", "p5"),
        ("u-6tb1.56xlarge", "standard"),
    ],
)
def test_a_spot_instance_counts_in_a_quota_of_spot_instances(type_, family):
    assert quotas.quota_family(type_, spot=True) == family


def test_every_running_type_of_the_family_is_in_use(in_account, account):
    account.launch("m5.4xlarge", state="stopped")
    account.launch("m5.4xlarge")
    account.launch("t2.large")
    account.launch("g4dn.xlarge")
    account.launch("c5.large", InstanceMarketOptions={"MarketType": "spot"})

    quota = quotas.read_quota(in_account.session, "standard", in_account.ec2.list_instances())

    assert (quota.used, quota.left) == (16 + 2, 14)
    spot = quotas.read_quota(
        in_account.session, "standard", in_account.ec2.list_instances(), spot=True
    )
    assert (spot.code, spot.used) == ("L-34B43A08", 2)
    with pytest.raises(errors.QuotaReached, match=r"needs 16 vCPUs.* allows 32 vCPUs, 18 in use"):
        quotas.check_quota(in_account.session, "m5.4xlarge", in_account.ec2.list_instances())
