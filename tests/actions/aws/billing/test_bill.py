"""The bill of the practice cloud: instances that run, that are stopped, that are gone."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from dl_magics.actions.aws import context
from dl_magics.runs.events import RunEnded
from dl_magics.store import paths
from support.run_events import started, write_log


def a_run_on(id_: str) -> None:
    folder = paths.data_folder("runs") / "2026-11-22_235400_vgg16_dogscats"
    folder.mkdir()
    host = {"name": "gpu", "id": id_, "dollars_per_hour": 0.5, "price_day": "2026-11-26"}
    begun = replace(started(), host=host, n=1, t=time.time() - 720)
    write_log(folder, [begun, RunEnded(status="done", n=2, t=begun.t + 720)])


def test_the_bill_has_each_instance_of_this_month_and_its_runs(cloud_with_hosts, run, rent):
    running, gone = rent("g4dn.xlarge"), rent("t2.micro", name="small")
    rent("t2.micro", name="off", state="stopped")
    run("%aws_list")
    run(f"%aws_terminate {gone} -f")
    a_run_on(running)

    bill = run("%aws_bill")

    by_name = {each.name: each for each in bill.each}
    assert {name: each.state for name, each in by_name.items()} == {
        "gpu": "running",
        "small": "terminated",
        "off": "stopped",
    }
    first, address, disk = by_name["gpu"].month.parts
    assert first.dollars >= address.dollars > 0
    assert disk.prices
    assert [each.since_start is not None for each in bill.each].count(True) == 1
    assert bill.dollars == sum(each.month.dollars for each in bill.each)
    assert [(each.name, round(each.dollars, 4)) for each in bill.runs] == [
        ("2026-11-22_235400_vgg16_dogscats", 0.1)
    ]
    text = repr(bill)
    assert "instance gpu $0.526/h, 20" in text
    assert "1 run on these instances" in text
    assert "12 min" in bill._repr_html_()


def test_a_price_that_is_not_known_leaves_the_sum_of_all_others(cloud, run, rent):
    spot = rent("g4dn.xlarge", "cheap", InstanceMarketOptions={"MarketType": "spot"})
    rent("t2.micro")
    context.load().ec2.list_instances()  # seen without its spot price, which nobody asked for
    context.load().session.change_ec2("terminate_instances", InstanceIds=[spot])

    bill = run("%aws_bill")

    priced, gone = sorted(bill.each, key=lambda each: each.state)
    assert (priced.name, gone.name, gone.month.dollars) == ("gpu", "cheap", None)
    assert priced.month.dollars > 0
    assert f": at least ${priced.month.dollars + gone.month.parts[1].dollars:.4f} in" in bill.title
    assert f"the price is not known: instance of cheap ({spot})." in repr(bill)


def test_the_bill_of_all_regions_has_what_is_gone(cloud, run, rent):
    id_ = rent("t2.micro")
    run("%aws_list")
    context.load().session.change_ec2("terminate_instances", InstanceIds=[id_])

    bill = run("%aws_bill --everywhere")

    (only,) = bill.each
    assert (only.id, only.state) == (id_, "terminated")
    assert only.seen_since <= time.time()
    assert "all regions" in repr(bill)


def test_the_bill_does_not_say_that_what_could_not_be_read_is_terminated(cloud, run, rent):
    rent("t2.micro", name="there")
    seen = run("%aws_list").each[0]
    cloud.inject_fault("not-allowed", actions=["DescribeInstances"], times=99)

    bill = run("%aws_bill --everywhere")

    cloud.clear_faults()
    (only,) = bill.each
    assert (only.name, only.state, only.dollars_per_month) == ("there", "unknown", None)
    assert bill.dollars == only.month.dollars > 0
    at = f"{datetime.fromtimestamp(seen.seen_at, UTC):%Y-%m-%d %H:%M} UTC"
    assert f"there: seen running until {at}; us-east-1 could not be read now" in repr(bill)
    assert "terminated" not in repr(bill) + bill._repr_html_()


def test_an_account_without_instances_has_cost_nothing(cloud, run):
    assert ": $0.00 in " in repr(run("%aws_bill"))
