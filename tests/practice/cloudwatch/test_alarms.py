"""Alarms on the CPU of instances, whose hosts are two processes here: one sleeps, one computes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from support.in_process import world

PORT = 20002
MINUTE = 0.04
STOP = "arn:aws:automate:us-east-1:ec2:stop"
LONGEST_SECONDS = 60.0


@pytest.fixture
def fast(tmp_path):
    """An account in which a minute of CloudWatch takes a twenty-fifth of a second."""
    ended = threading.Event()
    with world.patched_aws() as accounts:
        account = accounts[PORT] = world.open_account(tmp_path, PORT, alarm_minute=MINUTE)
        ticking = threading.Thread(target=account.api.apply_changes_until, args=(ended,))
        ticking.start()
        yield account
        ended.set()
        ticking.join()
        world.close_account(account)


@pytest.fixture
def start_host(fast):
    """Launch an instance, in whose host a program runs; return its id."""
    started = []

    def start(program, **more):
        id_ = fast.launch(**more)
        started.append(subprocess.Popen([sys.executable, "-c", program]))
        fast.api.hosts.processes[id_] = started[-1].pid
        return id_

    yield start
    for process in started:
        process.kill()
        process.wait()


def put_alarm(account, id_, **more):
    parameters = {
        "AlarmName": id_,
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": id_}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 3,
        "Threshold": 10.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [STOP],
        **more,
    }
    account.client("cloudwatch").put_metric_alarm(**parameters)


def read_state(account, id_):
    (alarm,) = account.client("cloudwatch").describe_alarms(AlarmNames=[id_])["MetricAlarms"]
    return alarm["StateValue"]


def read_instance(account, id_):
    (reservation,) = account.client().describe_instances(InstanceIds=[id_])["Reservations"]
    return reservation["Instances"][0]["State"]["Name"]


def wait_until(is_so):
    until = time.monotonic() + LONGEST_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_an_alarm_stops_an_instance_that_does_not_compute_and_no_other(fast, start_host):
    idle, busy = start_host("import time; time.sleep(600)"), start_host("while True: pass")
    spot = start_host("import time; time.sleep(600)", InstanceMarketOptions={"MarketType": "spot"})
    for each in (idle, busy, spot):
        put_alarm(fast, each)

    wait_until(lambda: read_instance(fast, idle) == "stopped")
    wait_until(lambda: read_state(fast, spot) == "ALARM")

    # EC2 does not stop a one-time spot instance.
    assert (read_instance(fast, busy), read_instance(fast, spot)) == ("running", "running")
    assert read_state(fast, busy) != "ALARM"
    now = datetime.now(UTC)
    used = fast.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "InstanceId", "Value": busy}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=300,
        Statistics=["Average"],
    )
    assert used["Datapoints"][0]["Average"] > 10


def test_a_stopped_instance_that_is_started_again_has_the_whole_time_again(fast, start_host):
    idle = start_host("import time; time.sleep(600)")
    put_alarm(fast, idle)
    wait_until(lambda: read_instance(fast, idle) == "stopped")
    host = fast.api.hosts.processes.pop(idle)

    wait_until(lambda: read_state(fast, idle) == "OK")
    fast.client().start_instances(InstanceIds=[idle])
    fast.api.hosts.processes[idle] = host

    assert read_instance(fast, idle) == "running"
    wait_until(lambda: read_instance(fast, idle) == "stopped")


def test_an_alarm_is_created_changed_and_deleted_as_by_aws(account):
    cloudwatch = account.client("cloudwatch")
    put_alarm(account, "one")
    created = read_state(account, "one")
    cloudwatch.set_alarm_state(AlarmName="one", StateValue="ALARM", StateReason="by hand")

    put_alarm(account, "one", Threshold=20.0)
    changed = read_state(account, "one")
    with pytest.raises(ClientError, match="more than a day") as too_long:
        put_alarm(account, "two", EvaluationPeriods=289)
    with pytest.raises(ClientError) as missing:
        cloudwatch.delete_alarms(AlarmNames=["two"])
    cloudwatch.delete_alarms(AlarmNames=["one"])

    assert (created, changed) == ("INSUFFICIENT_DATA", "ALARM")
    assert too_long.value.response["Error"]["Code"] == "ValidationError"
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_policy_can_deny_alarms(account):
    account.inject_fault("no-alarms")

    with pytest.raises(ClientError, match="perform: cloudwatch:PutMetricAlarm") as refused:
        put_alarm(account, "one")

    assert refused.value.response["Error"]["Code"] == "AccessDenied"
