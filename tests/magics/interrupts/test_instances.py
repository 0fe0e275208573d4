from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace

import pytest

from dl_magics.actions.aws import context
from dl_magics.actions.aws.launch import interrupted as launching
from dl_magics.actions.aws.launch import pending, plan
from dl_magics.runs import log, remote_origin
from support import run_events
from support.ec2_client import until
from support.in_process import world
from support.in_process.ssh import ANSWERS


@pytest.fixture
def interrupted(run):
    """Run a line that is interrupted; return the two lines that the cell shows."""

    def shown(line):
        with pytest.raises(KeyboardInterrupt) as raised:
            run(line)
        return "\n".join(raised.value._render_traceback_()).splitlines()

    return shown


@pytest.fixture
def slow_cloud(cloud, tmp_path):
    """The account, in which instances stay pending."""
    with world.patched_aws() as accounts:
        slow = world.open_account(tmp_path / "slow", cloud.port, delay=3600)
        accounts[cloud.port] = slow
        slow.edits = cloud.edits
        yield slow


def unwrapped(lines):
    return " ".join(line.strip() for line in lines)


def listed():
    found = [each for each in context.load().ec2.list_instances() if not each.gone]
    return {each.name: each for each in found}


def test_a_launch_that_is_interrupted_before_anything_was_shown_names_what_costs_and_stops_it(
    interrupt_at, interrupted, run
):
    interrupt_at("PutMetricAlarm")

    said = interrupted("%aws_launch g4dn.xlarge --name i1 -y")

    launched = listed()["i1"]
    assert said == [
        f"KeyboardInterrupt: i1 ({launched.id}) was launched and costs $0.531/h.",
        "  %aws_stop i1 stops it · the same line goes on",
    ]
    assert run("%aws_launch g4dn.xlarge --name i1 -y").id == launched.id


def test_a_launch_that_is_interrupted_while_it_waits_says_the_same(
    slow_cloud, interrupt_at, interrupted
):
    interrupt_at("DescribeInstances", after="PutMetricAlarm")

    said = interrupted("%aws_launch g4dn.xlarge --name i1 -y")

    assert "was launched and costs $0.531/h" in unwrapped(said)


def test_a_launch_that_aws_has_not_answered_may_cost_and_is_not_repeated_twice(
    interrupt_at, interrupted, run
):
    interrupt_at("RunInstances")

    said = interrupted("%aws_launch g4dn.xlarge --name i1 -y")
    again = run("%aws_launch g4dn.xlarge --name i1 -y")

    assert unwrapped(said) == (
        "KeyboardInterrupt: i1 may have been launched, and costs $0.531/h then. "
        "%aws_list shows it · %aws_stop i1 stops it · the same line goes on"
    )
    assert [each.id for each in listed().values()] == [again.id]


def test_a_launch_that_was_not_requested_has_launched_nothing(interrupt_at, interrupted):
    interrupt_at("ImportKeyPair")

    said = interrupted("%aws_launch g4dn.xlarge --name i1 -y")

    assert "nothing was launched" in said[0]
    assert listed() == {}


def test_a_launch_that_was_not_requested_holds_up_no_other(cloud, run):
    current = context.load()
    planned = plan.make_plan(current, "g4dn.xlarge", name="i1")
    since = launching.count_entries()
    pending.ensure_token(current, planned)

    happened, _ = launching.describe_launch(current, [planned], since)

    assert happened == "Interrupted before AWS was asked: nothing was launched."
    assert run("%aws_launch g4dn.xlarge --name i2 -y").name == "i2"


def test_a_crew_that_is_interrupted_names_all_that_exist(interrupt_at, interrupted, run):
    interrupt_at("RunInstances", after="PutMetricAlarm")

    said = interrupted("%aws_launch g4dn.xlarge --count 3 --name crew -y")

    launched = listed()
    assert sorted(launched) == ["crew-1", "crew-2"]
    assert unwrapped(said) == (
        f"KeyboardInterrupt: crew-1 ({launched['crew-1'].id}) was launched and costs $0.531/h; "
        "crew-2 may have been launched, and costs $0.531/h then. "
        "%aws_list shows it · %aws_stop --crew crew stops them · the same line goes on"
    )
    run("%aws_launch g4dn.xlarge --count 3 --name crew -y")
    assert sorted(listed()) == ["crew-1", "crew-2", "crew-3"]


def test_an_unanswered_question_changes_nothing(interrupted, cloud, monkeypatch):
    def ask(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", ask)

    assert interrupted("%aws_launch g4dn.xlarge --name i1") == [
        "KeyboardInterrupt: Nothing was changed: the question was not answered.",
        "  -y skips the confirmation.",
    ]
    assert listed() == {}


def test_a_stop_that_was_accepted_needs_no_cell(rent, interrupt_at, interrupted):
    rent(name="v1")
    interrupt_at("StopInstances")

    said = interrupted("%aws_stop v1")

    assert "v1 is stopped: the stop does not need this cell." in unwrapped(said)


def test_a_stop_of_an_instance_that_was_still_looked_for_stops_nothing(
    rent, interrupt_at, interrupted
):
    rent(name="v1")
    interrupt_at("DescribeInstances")

    said = interrupted("%aws_stop v1")

    assert "nothing was stopped" in said[0]
    assert listed()["v1"].state == "running"


@pytest.mark.parametrize("option", ["", " --crew v"])
def test_a_stop_that_was_not_accepted_says_so(slow_cloud, interrupt_at, interrupted, option):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "v-1"}]}]
    slow_cloud.launch(TagSpecifications=tags)
    interrupt_at("DescribeInstances", after="StopInstances")

    said = interrupted(f"%aws_stop{option or ' v-1'}")

    assert "v-1 is NOT stopped: it is pending and costs $0.0166/h" in unwrapped(said)
    assert said[-1] == "  %aws_stop v-1"


def test_of_what_aws_does_not_say_nothing_is_claimed(rent, cloud, interrupt_at, interrupted):
    rent(name="v1")
    interrupt_at("StopInstances")
    interrupt = cloud.edits["StopInstances"]

    def lose_the_line(body):
        cloud.unanswered.add("DescribeInstances")
        return interrupt(body)

    cloud.edits["StopInstances"] = lose_the_line

    said = interrupted("%aws_stop v1")

    assert "AWS did not say whether it accepted it" in unwrapped(said)
    assert "%aws_list shows what costs money" in said[-1]


def test_a_start_that_is_interrupted_names_what_costs_and_stops_it(rent, interrupt_at, interrupted):
    rent(name="v1", state="stopped")
    interrupt_at("StartInstances")

    said = unwrapped(interrupted("%aws_start v1 -y"))

    assert f"v1 ({listed()['v1'].id}) is running and costs $0.0166/h" in said
    assert said.endswith("%aws_stop v1 stops it · the same line goes on")


def test_a_start_that_is_interrupted_names_the_end_that_is_not_set_yet_and_what_sets_it(
    rent, interrupt_at, interrupted
):
    id_ = rent(name="v 1", state="stopped")
    interrupt_at("StartInstances")

    said = unwrapped(interrupted("%aws_start 'v 1' --max-duration 8h -y"))

    assert ". Not set on it: --max-duration 8h. " in said
    assert said.endswith(f"%aws_stop {id_} stops it · %aws_start {id_} --max-duration 8h sets it")


def test_a_start_that_aws_did_not_get_has_started_nothing(rent, interrupt_at, interrupted):
    rent(name="v1", state="stopped")
    interrupt_at("DescribeInstances", after="DescribeVolumes", calls=1)

    said = unwrapped(interrupted("%aws_start v1 -y"))

    assert "is stopped: it was not started." in said


def test_a_change_of_type_says_where_it_was_interrupted(rent, interrupt_at, interrupted, run):
    rent(name="v1")
    interrupt_at("StopInstances")

    said = unwrapped(interrupted("%aws_resize t2.small v1 -y"))

    assert "v1 is stopped, and its type is t2.micro." in said
    assert said.endswith("The same line goes on with the change of type.")
    assert run("%aws_resize t2.small v1 -y").type == "t2.small"


def test_a_termination_that_was_accepted_needs_no_cell(rent, interrupt_at, interrupted):
    rent(name="v1")
    interrupt_at("TerminateInstances")

    said = unwrapped(interrupted("%aws_terminate v1 -f"))

    assert "v1 is terminated: the termination does not need this cell." in said


def test_a_stop_that_waits_for_a_run_was_not_requested(cloud, run, interrupted, home, capsys):
    launched = run("%aws_launch t2.micro --name v1 -y")
    folder = home / "runs" / "2026-11-03_dogs"
    folder.mkdir(parents=True)
    host = {**run_events.ORIGIN.host, "alias": launched.id, "name": "v1"}
    origin = replace(run_events.ORIGIN, host=host, is_complete=False)
    remote_origin.save(folder, origin)
    ANSWERS[log.FILE_NAME] = ""

    def interrupt():
        until(lambda: "v1 is stopped after the run" in capsys.readouterr().out)
        os.kill(os.getpid(), signal.SIGINT)

    with log.LogWriter(folder) as writer:
        for event in run_events.make_events():
            writer.append(event)
        threading.Thread(target=interrupt, daemon=True).start()
        said = interrupted("%aws_stop v1 --when-done")

    assert "v1 is NOT stopped: it is running and costs $0.0166/h" in unwrapped(said)
