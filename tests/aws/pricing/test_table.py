from __future__ import annotations

from datetime import date

import pytest

from dl_magics.aws import instance_types
from dl_magics.aws.pricing import table

COMMERCIAL = ("eu-central-1", "ap-northeast-1", "ap-south-1", "sa-east-1", "us-east-2", "eu-west-2")


@pytest.mark.parametrize("region", [*COMMERCIAL, "us-gov-west-1"])
def test_the_common_types_have_a_price_in_a_region(region):
    for type_ in ("g4dn.xlarge", "t3.large", "m5.xlarge"):
        price = table.instance_price(type_, region)

        assert price is not None
        assert 0.01 < price.dollars < 2
        assert date(2020, 1, 1) < date.fromisoformat(price.day) <= date.today()


@pytest.mark.parametrize(
    ("region", "type_", "dollars"),
    [
        ("us-east-1", "g4dn.xlarge", 0.526),
        ("eu-west-1", "g4dn.xlarge", 0.587),
        ("eu-central-1", "g6.xlarge", 1.0064),
        ("eu-central-1", "t2.micro", 0.0134),
        ("ap-northeast-1", "g4dn.xlarge", 0.71),
        ("us-east-1", "g6f.large", 0.202),
    ],
)
def test_a_price_is_that_of_its_region(region, type_, dollars):
    price = table.instance_price(type_, region)

    assert price is not None
    assert price.dollars == dollars


def test_the_price_of_a_later_day_counts():
    early, late = (table.instance_price("g5.xlarge", name) for name in ("us-east-2", "us-east-1"))

    assert early is not None
    assert late is not None
    assert early.day < late.day


def test_a_size_costs_as_much_more_in_a_region_as_the_other_sizes_of_its_family():
    for region in COMMERCIAL:
        ratios = [
            price.dollars / home.dollars
            for kind in instance_types.known_types()
            if kind.startswith(("g4dn.", "g5.", "g6.", "m5."))
            and (price := table.instance_price(kind, region))
            and (home := table.instance_price(kind, "us-east-1"))
        ]

        assert max(ratios) / min(ratios) < 1.35


def test_a_region_that_bills_in_another_currency_has_no_price_in_dollars():
    assert table.instance_price("g4dn.xlarge", "cn-north-1") is None
    assert table.address_price("cn-north-1") is None
    assert table.address_price("eu-central-1") == table.PUBLIC_IPV4


def test_a_disk_costs_what_it_costs_in_its_region():
    frankfurt = table.disk_price("gp3", "eu-central-1")
    virginia = table.disk_price("gp3", "us-east-1")

    assert frankfurt is not None
    assert virginia is not None
    assert (frankfurt.dollars, virginia.dollars) == (0.0952, 0.08)
    assert table.disk_price("gp3", "mars-east-1") is None
