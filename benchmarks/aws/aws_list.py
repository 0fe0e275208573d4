"""Compare `%aws_list` of an account with 320 instances with the bare calls of boto3.

    PYTHONPATH=.:tests python benchmarks/aws/aws_list.py

The API of the practice cloud runs in this process: neither the network nor a host takes time. The
bare calls are those that `%aws_list` makes, four pages of DescribeInstances among them, with
existing clients. Both alternate.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

INSTANCES, PAGES, TIMES = 320, 4, 40
PORT = 20001


def main() -> None:
    scratch = Path(tempfile.mkdtemp())
    os.environ |= {"HOME": str(scratch), "DL_MAGICS_HOME": str(scratch / "dl_magics")}
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.actions.aws import context, selection
    from support.in_process import world
    from support.in_process.fixtures import write_profile

    shell = InteractiveShell.instance()
    with world.patched_aws() as accounts, contextlib.redirect_stdout(io.StringIO()):
        shell.run_line_magic("load_ext", "dl_magics")
        account = accounts[PORT] = world.open_account(scratch, PORT)
        settings = write_profile(scratch, account)
        selection.update(lambda before: replace(before, profile=settings))
        make_stopped_instances(account.client())
        assert len(shell.run_line_magic("aws_list", "")) == INSTANCES
        time.sleep(1)  # prices are read in the background the first time
        account.calls.clear()
        shell.run_line_magic("aws_list", "")
        made = [(each.action, each.parameters) for each in account.calls if each.service == "ec2"]
        assert [action for action, _ in made].count("DescribeInstances") == PAGES
        client = context.load().session._client("ec2", None)
        calls: dict[str, Callable[[], object]] = {
            "boto3": lambda: call_with_boto3(client, made),
            "ours": lambda: shell.run_line_magic("aws_list", ""),
        }
        took: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TIMES):
            for name, call in calls.items():
                began = time.perf_counter()
                call()
                took[name].append(time.perf_counter() - began)
    boto, ours = (1000 * statistics.median(seconds) for seconds in took.values())
    operations = ", ".join(action for action, _ in made)
    print(f"{INSTANCES} instances: {operations}")
    print(f"%aws_list {ours:.0f} ms, the same calls of boto3 {boto:.0f} ms: {ours / boto:.2f} ×")


def make_stopped_instances(client: object) -> None:
    """Launch and stop instances one by one: a page has a hundred reservations."""
    for _ in range(INSTANCES):
        made = client.run_instances(
            ImageId="ami-0d1ea5e5c10bd5a11", InstanceType="t2.nano", MinCount=1, MaxCount=1
        )
        client.stop_instances(InstanceIds=[made["Instances"][0]["InstanceId"]])


def call_with_boto3(client: object, made: list[tuple[str, dict[str, str]]]) -> None:
    """Make the calls again: of pages the first one, whose paginator makes the others."""
    for action, parameters in made:
        if "NextToken" in parameters:
            continue
        name = {"DescribeInstances": "describe_instances", "DescribeVolumes": "describe_volumes"}
        values = [value for key, value in parameters.items() if ".Value." in key]
        filters = [{"Name": parameters["Filter.1.Name"], "Values": values}] if values else []
        if action in name:
            list(client.get_paginator(name[action]).paginate(Filters=filters))
        else:
            client.describe_addresses(Filters=filters)


if __name__ == "__main__":
    main()
