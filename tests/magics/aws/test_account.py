from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context, selection
from dl_magics.core.money import Price


def test_a_profile_is_selected_for_all_later_notebooks(cloud, run, tmp_path):
    config = tmp_path / "ssh_config"
    config.write_text("")

    run(f"%aws_profile practice --ssh-config {config}")

    assert context.load_profile().profile == "practice"
    assert context.load_profile().ssh_config == str(config)
    run("%aws_profile --ssh-config none --address-url none")
    assert context.load_profile().ssh_config is None
    assert context.load_profile().address_url.startswith("https://")


def test_an_ssh_config_that_does_not_exist_is_refused(cloud, run):
    with pytest.raises(errors.BadSetting, match="does not exist"):
        run("%aws_profile --ssh-config /nowhere/config")


def test_changed_credentials_are_used_at_once(cloud, run):
    session = context.load().session

    credentials = context.load_profile().credentials_file
    with open(credentials, "a") as file:  # noqa: PTH123 - a path of AWS
        file.write("\n")

    assert context.load().session is not session
    assert run("%aws_list") is not None


def test_all_checks_pass_after_a_launch(cloud_with_hosts, run):
    run("%aws_launch t2.micro -y")

    report = run("%aws_check")

    assert {line.mark for line in report.lines} == {"✓"}
    assert report.fine


def test_the_checks_continue_after_a_failed_one(cloud, run):
    cloud.inject_fault("not-allowed", actions=["GetCallerIdentity"])

    report = run("%aws_check")

    assert not report.fine
    assert report.lines[0].mark == "✗"
    assert "sts:GetCallerIdentity" in repr(report)
    assert len(report.lines) >= 6


def test_the_policy_is_json_with_the_actions(cloud, run):
    import json

    policy = json.loads(run("%aws_check --policy"))

    everything, roles = policy["Statement"]
    assert "ec2:RunInstances" in everything["Action"]
    # Only some roles can be passed, and to instances only.
    assert roles["Action"] == "iam:PassRole"
    assert roles["Resource"] == "arn:aws:iam::*:role/dl-magics-*"
    assert roles["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_the_price_list_shows_memory_prices_and_quota(cloud, run):
    began = date.today()
    market = run("%aws_prices g4dn")

    row = next(row for row in market.rows if row[0] == "g4dn.xlarge")
    assert row[1:5] == ("T4 16 GiB", "4", "16 GiB", "$0.526/h")
    assert began <= date.fromisoformat(row[5]) <= date.today()
    assert row[6].startswith("$0.1")
    assert row[7] == "64 vCPUs"
    assert "g4dn.xlarge" in market._repr_html_()


def test_without_the_aws_price_list_the_bundled_table_is_used(cloud, run):
    cloud.inject_fault("not-allowed", times=20, actions=["GetProducts"])
    settings = replace(selection.read().profile, region="us-west-2")
    selection.update(lambda before: replace(before, profile=settings))

    plan = run("%aws_launch g5.xlarge --dry-run")

    assert plan.price == Price(1.006, "2026-11-23", "bundled table")
