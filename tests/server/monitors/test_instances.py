"""How often AWS is asked, by the number of calls that it receives; and what is pushed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dl_magics.errors import NoCredentials
from dl_magics.server.monitors.instances import InstanceMonitor
from dl_magics.server.monitors.listing import Action
from dl_magics.store import change_signal, state
from dl_magics.store.state import ProfileSettings


@pytest.fixture
def monitor(selected_account, published, clock):
    return InstanceMonitor(published, clock)


def count_reads(account):
    return sum(call.action == "DescribeInstances" for call in account.calls)


def advance(monitor, clock, seconds):
    """Let time pass in half seconds, as the watcher does."""
    for _ in range(int(seconds * 2)):
        clock.now += 0.5
        monitor.step()


def test_aws_is_asked_less_and_less_often_while_nothing_changes(monitor, selected_account, clock):
    monitor.step()
    advance(monitor, clock, 600)

    # After 0, 1, 3, 7, 15, 31, 63 seconds, then each minute.
    assert count_reads(selected_account) == 7 + 8


def test_all_browsers_share_one_read(monitor, selected_account, clock):
    first = json.loads(monitor.read(fresh=False))
    clock.now += 0.5
    for _ in range(20):
        again = json.loads(monitor.encode_current())

    assert count_reads(selected_account) == 1
    assert again == {**first, "age": 0.5}
    monitor.read(fresh=True)
    assert count_reads(selected_account) == 2


def test_a_listing_that_nobody_has_refreshed_is_read_again(monitor, selected_account, clock):
    monitor.read(fresh=False)
    clock.now += 3600

    assert monitor.encode_current() is None
    monitor.read(fresh=False)
    assert count_reads(selected_account) == 2


def test_a_change_by_any_process_is_read_at_once(monitor, selected_account, clock):
    monitor.step()
    advance(monitor, clock, 120)
    before = count_reads(selected_account)
    change_signal.note_change()
    clock.now += 0.5

    monitor.step()

    assert count_reads(selected_account) == before + 1


def test_an_instance_that_starts_is_read_each_second(
    monitor, selected_account, run_instance, clock, published
):
    selected_account.api.lifecycle._delay = 30
    id_ = run_instance()
    monitor.step()
    before = count_reads(selected_account)

    advance(monitor, clock, 10)

    assert count_reads(selected_account) == before + 10
    pushed = published.of("instances")[-1]
    assert [(each["id"], each["state"]) for each in pushed["instances"]] == [(id_, "pending")]


def test_only_what_a_person_would_notice_is_pushed(monitor, clock, published, run_instance):
    run_instance()
    monitor.step()
    advance(monitor, clock, 300)

    volatile = ("seen_at", "seconds", "dollars")
    pushed = []
    for each in published.of("instances"):
        (shown,) = each["instances"]
        pushed.append(str({key: shown[key] for key in shown if key not in volatile}))
    assert 0 < len(pushed) < 5
    assert len(set(pushed)) == len(pushed)


def test_credentials_that_expire_are_pushed_with_the_last_known_instances(
    monitor, selected_account, run_instance, clock, published
):
    id_ = run_instance()
    monitor.step()
    selected_account.inject_fault("expired-token", times=3)
    clock.now += 0.5

    with pytest.raises(NoCredentials):
        monitor.read(fresh=True)
    with pytest.raises(NoCredentials):
        monitor.read(fresh=False)

    pushed = published.of("instances")[-1]
    assert pushed["error"]["error"] == "NoCredentials"
    assert [each["id"] for each in pushed["instances"]] == [id_]
    advance(monitor, clock, 60)
    assert published.of("instances")[-1]["error"] is None


def test_another_profile_of_new_notebooks_is_shown_at_once(
    monitor, selected_account, run_instance, clock, published
):
    run_instance()
    monitor.step()
    state.update(
        lambda before: replace(before, profile=replace(before.profile, region="eu-west-1"))
    )
    clock.now += 0.5

    monitor.step()

    pushed = published.of("instances")[-1]
    assert (pushed["place"]["region"], pushed["instances"]) == ("eu-west-1", [])
    assert published.of("notice") == []


def test_an_error_of_the_earlier_profile_is_not_repeated(monitor, selected_account, clock):
    state.update(lambda before: replace(before, profile=ProfileSettings(profile="nobody")))
    with pytest.raises(NoCredentials):
        monitor.read(fresh=False)
    state.update(lambda before: replace(before, profile=ProfileSettings(profile="tests")))
    clock.now += 0.1

    assert json.loads(monitor.read(fresh=False))["instances"] == []


def test_a_server_that_is_shut_down_names_what_keeps_running(monitor, run_instance, clock):
    id_ = run_instance()
    monitor.step()
    advance(monitor, clock, 5)

    (line,) = monitor.describe_costs()

    assert f"(g4dn.xlarge, {id_}) keeps running: $0.53" in line


def test_an_action_is_shown_with_its_instance_only_where_it_happens(
    monitor, run_instance, published
):
    id_ = run_instance()
    monitor.step()
    action = Action(id=id_, verb="stop", cell=f"%aws_stop {id_}", where="tests · us-east-1")
    monitor.show_action(action)
    monitor.show_action(replace(action, id="i-2", where="tests · eu-west-1"))

    assert [each["id"] for each in published.of("instances")[-1]["actions"]] == [id_]
    monitor.end_action(id_)
    assert published.of("instances")[-1]["actions"] == []
