"""Prices in the outputs of JupyterLab, which shows what is between two `$` as a formula."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    "%load_ext dl_magics",
    "%practice on",
    "%aws_launch t2.micro --name night -y",
    "%aws_stop night",
    "%aws_bill",
    "from IPython.display import HTML\nHTML('<p>$1 + 2$</p>')",
    "%aws_terminate night -f",
    "%practice off",
]
STOP, BILL, FORMULA = CELLS.index("%aws_stop night"), CELLS.index("%aws_bill"), 5
TYPESET = "mjx-container"


def test_a_receipt_and_a_bill_have_their_dollars(lab):
    lab.open("dollars.ipynb", CELLS)
    for cell in range(len(CELLS)):
        lab.run(cell)
        lab.finish(cell)

    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(FORMULA).locator(TYPESET).wait_for()

    assert cells.nth(STOP).inner_text().count("$") > 4
    assert [cells.nth(each).locator(TYPESET).count() for each in (STOP, BILL)] == [0, 0]
