"""Each dollar that is shown carries the day of its price: in its line, or in that of its table."""

from __future__ import annotations

import re

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context, instances, price_list, resize
from dl_magics.actions.aws.panel import requests
from dl_magics.core.instance import Instances
from dl_magics.widgets.instances import describe_row

DAY = re.compile(r"\b20\d\d-\d\d-\d\d\b")
DOLLARS = re.compile(r"\$\d")


def lines_without_day(text):
    return [line for line in text.splitlines() if DOLLARS.search(line) and not DAY.search(line)]


@pytest.fixture
def texts(uni, run, ssh_commands, capsys):
    """What magics, questions, widgets and errors say about money, by what it is."""
    current = context.load()
    said = {"dry run": str(run("%aws_launch g4dn.xlarge --dry-run"))}
    run("%aws_launch t2.micro -y")
    said["launch"] = capsys.readouterr().out
    launched = current.resolve_instance("gpu")
    said["instance"] = repr(run("%aws_get gpu"))
    said["resize"] = resize.resize_question(current, "g4dn.xlarge", launched)
    said["cleanup"] = repr(run("%aws_cleanup"))
    said["check"] = repr(run("%aws_check"))
    # The days of its sums are in the line of their parts.
    said["receipt"] = repr(run("%aws_stop")).replace("\n", " ")
    stopped = current.resolve_instance("gpu")
    said["start"] = requests.ask_start(current, stopped).question
    shown = instances.add_price(current, current.ec2.add_disks([stopped])[0])
    row = describe_row(current, shown)
    # What a month has cost is a sum of several prices: %aws_bill shows each.
    said["row"] = "\n".join(row[name] for name in ("price", "disk", "start"))
    said["types"] = "\n".join(price_list.describe_types(current).values())
    with pytest.raises(errors.NoSuchType) as retired:
        run("%aws_launch p2.xlarge --name two")
    said["nearest type"] = retired.value.fix
    return said


def test_each_line_with_dollars_has_the_day_of_the_price(texts):
    with_dollars = {what for what, text in texts.items() if DOLLARS.search(text)}

    assert with_dollars == set(texts)
    assert {what: found for what, text in texts.items() if (found := lines_without_day(text))} == {}


def test_a_table_has_the_days_of_its_prices_in_its_title_or_a_column(uni, run):
    uni.launch("g4dn.xlarge")

    listed: Instances = run("%aws_list")
    priced = run("%aws_prices")

    assert {each.price_day for each in listed} | {each.disk_day for each in listed} <= set(
        DAY.findall(listed.summary)
    )
    day = price_list.HEADS.index("day")
    assert all(DAY.fullmatch(row[day]) for row in priced.rows)
    assert lines_without_day("\n".join(priced.notes)) == []
