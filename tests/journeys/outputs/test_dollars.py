"""Prices in the outputs of JupyterLab, which shows what is between two `$` as a formula."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

RECEIPT = """
from decimal import Decimal
from dl_magics.core.billing.cost import Cost, PartCost
from dl_magics.core.billing.receipt import Receipt

hour, disk = ((0.526, "2026-11-27"),), ((8.0, "2026-11-27"),)
parts = (
    PartCost("instance", Decimal("0.36"), hour),
    PartCost("IPv4 address", Decimal(0), ()),
    PartCost("disk", Decimal("0.0075"), disk),
)
Receipt("gpu", Cost(2460, parts), 8.0)"""
BILL = """
from dl_magics.actions.aws.billing.bill import Bill
from dl_magics.actions.aws.billing.instance_bill import InstanceBill

Bill("practice", "November 2026", (InstanceBill(
    id="i-0123456789abcdef0", name="gpu", type="g4dn.xlarge", state="stopped", seen_since=0,
    since_start=None, month=Cost(2460, parts), dollars_per_month=8.0),))"""
FORMULA = "from IPython.display import HTML\nHTML('<p>$1 + 2$</p>')"
CELLS = [RECEIPT, BILL, FORMULA]
TYPESET = "mjx-container"


def test_a_receipt_and_a_bill_have_their_dollars(lab):
    lab.open("dollars.ipynb", CELLS)
    for cell in range(len(CELLS)):
        lab.run(cell)
        lab.finish(cell)

    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    outputs = [cells.nth(each).locator(".jp-Cell-outputArea") for each in range(len(CELLS))]
    outputs[CELLS.index(FORMULA)].locator(TYPESET).wait_for()

    receipt, bill, _ = outputs
    assert receipt.inner_text().count("$") > 4
    assert bill.inner_text().count("$") > 4
    assert [receipt.locator(TYPESET).count(), bill.locator(TYPESET).count()] == [0, 0]
