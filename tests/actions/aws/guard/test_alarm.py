"""The CloudWatch alarm of an instance, from its launch to its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.actions.aws import context
from dl_magics.actions.aws.guard import alarm
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.guard.service.settings import Settings

HOUR = 3600.0


@pytest.fixture
def cloud(account_or_cloud):
    return account_or_cloud


@pytest.fixture
def session(cloud):
    return context.load().session


def test_an_instance_has_an_alarm_from_its_launch_to_its_end(session, run):
    launched = run("%aws_launch t2.micro -y")
    first = cloudwatch.read_alarm(session, launched.id)
    run("%aws_stop")
    run("%aws_resize g4dn.xlarge -y")
    run("%aws_start -y")
    resized = cloudwatch.read_alarm(session, launched.id)
    run("%aws_terminate -f")

    # 0.1 of one vCPU, and of four.
    assert (first.seconds, first.percent, first.stops) == (2 * HOUR, 10.0, True)
    assert (resized.seconds, resized.percent) == (2 * HOUR, 2.5)
    assert cloudwatch.read_alarm(session, launched.id) is None


def test_a_launch_that_was_cut_off_before_its_alarm_has_one_after_the_same_line(
    session, run, monkeypatch
):
    def cut_off(*_arguments, **_settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cloudwatch, "put_alarm", cut_off)
        with pytest.raises(KeyboardInterrupt):
            run("%aws_launch t2.micro -y")

    launched = run("%aws_launch t2.micro -y")

    assert cloudwatch.read_alarm(session, launched.id)


def test_an_instance_that_is_not_stopped_when_idle_has_no_alarm(session, run):
    launched = run("%aws_launch t2.micro --idle off -y")

    assert cloudwatch.read_alarm(session, launched.id) is None


@pytest.mark.parametrize("fault", ["no-alarms", "no-alarm-role", "connection-reset"])
def test_a_launch_without_permission_succeeds_and_says_so_in_two_lines(cloud, run, capsys, fault):
    cloud.inject_fault(fault, actions=("PutMetricAlarm",), times=9)

    launched = run("%aws_launch t2.micro -y")

    said = capsys.readouterr().out
    (at,) = [n for n, line in enumerate(said.splitlines()) if "No CloudWatch alarm" in line]
    assert launched.state == "running"
    if fault == "no-alarms":
        assert "is not authorized to perform cloudwatch:PutMetricAlarm" in said.splitlines()[at]
        assert '"Action": "cloudwatch:PutMetricAlarm"' in said.splitlines()[at + 1]
    if fault == "no-alarm-role":
        assert "--aws-service-name events.amazonaws.com" in said.splitlines()[at + 1]


def test_an_alarm_that_outlives_its_instance_is_listed_with_its_price_and_deleted(session, run):
    launched = run("%aws_launch t2.micro -y")
    session.change_ec2("terminate_instances", InstanceIds=[launched.id])

    listed = run("%aws_cleanup")
    run("%aws_cleanup -f")

    (left,) = [each for each in listed.each if each.kind == "alarm"]
    assert left.id == cloudwatch.alarm_name(launched.id)
    assert "$0.10/month (2026-11-26)" in str(left)
    assert cloudwatch.read_alarm(session, launched.id) is None


def test_an_alarm_that_cannot_be_deleted_is_named_when_the_instance_is_terminated(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    cloud.inject_fault("no-alarms", actions=("DeleteAlarms",), times=9)

    terminated = run("%aws_terminate -f")

    assert terminated.state == "terminated"
    assert f"{cloudwatch.alarm_name(launched.id)} was not deleted" in terminated.note


@given(
    idle=st.none() | st.floats(60, 400_000),
    kept=st.floats(0, 600_000),
    idle_before=st.floats(0, 1),
)
def test_an_alarm_comes_after_the_guard_and_after_the_time_that_a_person_keeps(
    idle, kept, idle_before
):
    planned = alarm.plan_seconds(idle, kept)
    if planned is None:
        assert idle is None or idle + kept > cloudwatch.LONGEST_SECONDS / 2
        return
    parameters = cloudwatch.round_up(planned)
    seconds = parameters.period * parameters.count
    # Until now the instance may have been idle for as long as the alarm without this allowed.
    already = idle_before * (alarm.plan_seconds(idle, 0.0) or 0.0)

    assert seconds >= max(idle, Settings.hung_seconds) + Settings.warning_seconds
    assert seconds - already >= kept - 1e-6
    # What CloudWatch accepts.
    longest = 86_400 if parameters.period < HOUR else 604_800
    assert seconds <= longest
