from __future__ import annotations

import pytest

from dl_magics.core.billing.history import add_view
from dl_magics.core.billing.receipt import make_receipt
from dl_magics.core.instance import Instance


def stopped(**changes) -> Instance:
    values = {
        "id": "i-1",
        "name": "gpu",
        "state": "stopped",
        "type": "g4dn.xlarge",
        "launched_at": 1_000_000,
        "stopped_at": 1_002_460,
        "seen_at": 1_002_500,
        "type_dollars": 0.526,
        "price_day": "2026-11-26",
        "address_dollars": 0.005,
        "address_day": "2024-02-01",
        "volumes": 1,
        "disks": (("gp3", 100),),
        "disk_dollars": 8.0,
        "disk_day": "2026-11-23",
        **changes,
    }
    return Instance(**values)


def running() -> Instance:
    return stopped(state="running", seen_at=1_002_000, stopped_at=0.0, public_addresses=1)


def test_a_receipt_has_its_dollars_by_part_with_the_day_of_each_price():
    receipt = make_receipt(add_view(add_view((), running()), stopped()), stopped())

    assert repr(receipt).splitlines() == [
        "gpu: 41 min, $0.37",
        "  instance $0.36 ($0.526/h, 2026-11-26) · IPv4 address $0.0034 ($0.005/h, 2024-02-01) · "
        "disk $0.0073 ($8.00/month, 2026-11-23)",
        "  while stopped the disk costs $8.00 a month",
    ]
    assert receipt.to_json()["price_day"] == "2026-11-26"
    assert receipt._repr_html_().count("<br>") == 2


@pytest.mark.parametrize(("share", "advised"), [(0.45, True), (0.9, False)])
def test_a_receipt_has_the_busy_share_of_the_gpu_and_advice_where_it_is_low(share, advised):
    history = add_view(add_view((), running()), stopped())

    receipt = make_receipt(history, stopped(), share * 2460)

    assert f"GPU busy {share:.0%} of the time that was paid" in repr(receipt)
    assert ("%aws_resize" in repr(receipt)) == advised


def test_a_receipt_says_what_was_not_seen():
    later = stopped(stopped_at=0.0, seen_at=1_005_600)

    receipt = make_receipt(add_view(add_view((), running()), later), later)

    assert "may have run 1 h longer, for at most $0.53 more" in str(receipt)
