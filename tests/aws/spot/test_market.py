"""What is asked of the market for a spot instance."""

from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.aws.pricing.zone_prices import ZonePrices
from dl_magics.aws.spot import market
from dl_magics.core.money import Price


@pytest.mark.parametrize(
    ("typed", "sent"), [(None, None), ("0.30", "0.300000"), ("$0.2/h", "0.200000")]
)
def test_the_maximum_is_sent_as_it_was_typed(typed, sent):
    options = market.parse_options(spot=True, max_price=typed)

    spot = options.make_parameters()["SpotOptions"]
    assert spot.pop("MaxPrice", None) == sent
    assert spot == {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}


@pytest.mark.parametrize("typed", ["0", "0.001", "-1", "nan", "inf", "cheap", ""])
def test_a_maximum_is_more_than_the_least_that_aws_accepts(typed):
    with pytest.raises(errors.BadSetting, match=r"more than 0\.001"):
        market.parse_options(spot=True, max_price=typed)


def test_a_maximum_without_spot_is_refused():
    with pytest.raises(errors.BadSetting, match="for spot instances") as refused:
        market.parse_options(spot=False, max_price="0.3")

    assert refused.value.fix == "%aws_launch TYPE --spot --max-price 0.3"
    assert market.parse_options(spot=False, max_price=None) is None


def test_a_maximum_below_the_price_of_each_zone_is_refused_before_aws_is_asked():
    def price(dollars):
        return Price(dollars, "2026-11-26", "spot price")

    now = ZonePrices({"us-east-1b": price(0.21), "us-east-1a": price(0.19)})
    options = market.SpotOptions(max_price=0.1)

    with pytest.raises(errors.BadSetting) as refused:
        options.check_price("g4dn.xlarge", now)

    assert "$0.19/h (us-east-1a) to $0.21/h (us-east-1b) by the spot price of 2026" in str(
        refused.value
    )
    market.SpotOptions(max_price=0.2).check_price("g4dn.xlarge", now)
    options.check_price("g4dn.xlarge", ZonePrices({}))
