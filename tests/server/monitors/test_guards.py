"""What the server does in the place of a guard that does not answer, and what it passes on."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import pytest

from dl_magics.actions.aws.guard import records, watch
from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.guard.client import build_command
from dl_magics.server.monitors.guards import GuardMonitor
from dl_magics.server.monitors.instances import InstanceMonitor
from dl_magics.ssh import known_hosts
from dl_magics.store import state
from dl_magics.store.state import KernelRecord
from support.in_process.ssh import ANSWERS, NEW_KEY

HOURS = 3
POINTS = 12 * HOURS


@pytest.fixture
def monitor(selected_account, published, aws_clock):
    return InstanceMonitor(published)


@pytest.fixture
def guards(monitor, published):
    return GuardMonitor(published, monitor, logging.getLogger("dl_magics"))


@pytest.fixture
def run_guarded(selected_account, run_instance):
    """Launch an instance three hours ago, whose guard was told these limits; return its id."""

    def run(**limits):
        id_ = run_instance()
        selected_account.client().describe_instances()
        instance = selected_account.api.state.find_instance(id_)
        began = datetime.now(UTC) - timedelta(hours=HOURS)
        instance.launch_time = began.replace(tzinfo=None)
        selected_account.api._changed()
        with mock.patch.object(records, "time", SimpleNamespace(time=began.timestamp)):
            records.note_limits(id_, GuardLimits(**limits))
        return id_

    return run


def put_cpu_use(account, id_, percent):
    now = datetime.now(UTC)
    account.client("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": id_}],
                "Timestamp": now - timedelta(minutes=5 * n + 1),
                "Value": percent,
            }
            for n in range(POINTS)
        ],
    )


def use_kernel_of(id_):
    kernel = KernelRecord(
        host={"alias": id_},
        python="python3",
        environment="",
        activate="",
        notebook="a",
        title="a",
        folder="",
    )
    state.update(lambda before: replace(before, kernels={"k": kernel}))


def read_state(account, id_):
    (found,) = account.client().describe_instances(InstanceIds=[id_])["Reservations"]
    return found["Instances"][0]["State"]["Name"]


def test_an_instance_is_stopped_once_its_end_has_passed_whatever_it_does(
    selected_account, run_guarded, guards, published
):
    past = run_guarded(idle_seconds=None, max_seconds=3600.0)
    ahead = run_guarded(idle_seconds=None, max_seconds=4 * 3600.0)
    use_kernel_of(past)

    guards.step()

    assert (read_state(selected_account, past), read_state(selected_account, ahead)) == (
        "stopped",
        "running",
    )
    (notice,) = published.of("notice")
    assert (notice["kind"], notice["instance"]) == ("guard-failed", past)
    assert watch.find_watcher(ahead) is not None


@pytest.mark.parametrize(
    ("percent", "has_kernel", "after", "kinds"),
    [
        (0.5, False, "stopped", ["guard-failed"]),
        (5.0, False, "running", ["guard-failed"]),
        (None, False, "running", ["guard-failed"]),
        (0.5, True, "running", []),
    ],
    ids=["no CPU was used", "the CPU was used", "the CPU is unknown", "a kernel may work"],
)
def test_an_idle_instance_is_stopped_only_where_nothing_can_work_on_it(
    selected_account, run_guarded, guards, published, percent, has_kernel, after, kinds
):
    id_ = run_guarded(idle_seconds=1800.0)
    if percent is not None:
        put_cpu_use(selected_account, id_, percent)
    if has_kernel:
        use_kernel_of(id_)

    guards.step()
    guards._due.clear()
    guards.step()

    assert read_state(selected_account, id_) == after
    said = [each["kind"] for each in published.of("notice")]
    assert [each for each in said if each != "instance-stopped"] == kinds


def test_an_instance_is_stopped_in_the_place_of_its_guard_after_reads_of_aws_that_failed(
    selected_account, run_guarded, published, clock, aws_clock
):
    monitor = InstanceMonitor(published, clock)
    guards = GuardMonitor(published, monitor, logging.getLogger("dl_magics"))
    id_ = run_guarded(idle_seconds=None, max_seconds=3600.0)
    selected_account.inject_fault("expired-token", times=99)
    before = len(selected_account.calls)
    for _ in range(60):
        assert guards.step()
        clock.now += 1.0
    tried = selected_account.calls[before:]

    selected_account.clear_faults()
    clock.now += 60.0
    guards.step()

    assert read_state(selected_account, id_) == "stopped"
    # After 0, 1, 3, 7, 15 seconds, then each 15 seconds.
    assert len(tried) == 5 + 2


@pytest.mark.parametrize("name", ["my gpu", "gpu{1/0}"])
def test_what_a_notice_says_to_type_names_the_instance_by_its_id(
    selected_account, run_guarded, guards, published, name
):
    id_ = run_guarded(idle_seconds=None, max_seconds=3600.0)
    tag = {"Key": "Name", "Value": name}
    selected_account.client().create_tags(Resources=[id_], Tags=[tag])

    guards.step()

    (notice,) = published.of("notice")
    assert notice["message"].startswith(f"{name} was stopped by this server")
    assert notice["fix"].startswith(f"%aws_safety {id_} shows why")


def test_an_instance_that_nobody_guards_is_left_alone(
    selected_account, run_instance, guards, published
):
    id_ = run_instance()

    goes_on = guards.step()

    assert (goes_on, read_state(selected_account, id_)) == (False, "running")
    assert watch.find_watcher(id_) is None


def test_browsers_see_that_a_guard_does_not_answer(run_guarded, guards, monitor, published):
    id_ = run_guarded(idle_seconds=None)

    guards.step()

    (shown,) = published.of("instances")[-1]["instances"]
    assert shown["id"] == id_
    assert shown["guard"] == {"armed": False, "state": "", "reason": "", "stops_at": None}


def answer_with(spot):
    """Let each guard answer that it looks at its instance, and what AWS has announced to it."""
    status = {"guard": 1, "running": True, "age": 1.0, "state": "active", "spot": spot}
    ANSWERS[build_command().split(";")[0]] = json.dumps(status)


@pytest.mark.parametrize(
    ("reason", "left", "message"),
    [
        ("spot-stop", 115.0, r"AWS stops i-\w+ in 115 s, to take it back\."),
        ("spot-terminate", 90.0, r"AWS terminates i-\w+ in 90 s, to take it back\."),
        ("spot-rebalance", None, r"AWS may soon take i-\w+ back: it is a spot instance\."),
        ("spot-stop", -5.0, None),
        ("<b>", 90.0, None),
        ("", None, None),
    ],
)
def test_browsers_are_told_once_that_aws_takes_a_spot_instance_back(
    selected_account, run_guarded, guards, published, ssh_commands, reason, left, message
):
    known_hosts.pin_keys(id_ := run_guarded(idle_seconds=None), NEW_KEY)
    answer_with({"reason": reason, "left": left})

    for _ in range(2):
        guards._due.clear()
        guards.step()

    said = [each for each in published.of("notice") if each["kind"].startswith("spot-")]
    assert len(said) == (message is not None)
    if message:
        assert (said[0]["kind"], said[0]["instance"]) == (reason, id_)
        assert re.fullmatch(message, said[0]["message"])
        assert "%finetune --resume" in said[0]["fix"]
