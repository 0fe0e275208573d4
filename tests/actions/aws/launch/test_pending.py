"""A launch that ends at any of its calls, or is not answered, never launches two instances."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.actions.aws.launch import launch, pending, plan
from dl_magics.actions.aws.launch.pending import _SETTLED_SECONDS
from dl_magics.aws.session import AwsSession
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import state

CALLS = (
    "import_key_pair",
    "create_security_group",
    "authorize_security_group_ingress",
    "run_instances",
)


class Killed(BaseException):
    """Ends the process at this point; nothing in between handles it."""


@pytest.fixture
def kill_at(monkeypatch):
    """End the next launch before or after one of its calls reaches AWS."""

    def arm(call, *, after):
        change = AwsSession.change_ec2

        def ended(self, name, **parameters):
            if name != call:
                return change(self, name, **parameters)
            if after:
                change(self, name, **parameters)
            monkeypatch.setattr(AwsSession, "change_ec2", change)
            raise Killed

        monkeypatch.setattr(AwsSession, "change_ec2", ended)

    return arm


def existing():
    return [each for each in context.load().ec2.list_instances() if not each.gone]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_launch_that_was_killed_is_finished_by_the_same_line(cloud, run, kill_at, call, after):
    kill_at(call, after=after)
    with pytest.raises(Killed):
        run("%aws_launch t2.micro -y")

    launched = run("%aws_launch t2.micro -y")

    assert [each.id for each in existing()] == [launched.id]
    assert launched.answers
    run("%aws_cleanup -f")
    assert existing() == []


@pytest.fixture
def unanswered(cloud, run, kill_at):
    """A launch that created an instance of which this computer knows nothing."""
    kill_at("run_instances", after=True)
    with pytest.raises(Killed):
        run("%aws_launch t2.micro --disk 120 -y")
    (instance,) = existing()
    return instance


def test_a_launch_that_another_kernel_settles_meanwhile_keeps_its_host_key(unanswered, monkeypatch):
    query, found_it, settled = AwsSession.query, threading.Event(), threading.Event()

    def holding(self, *arguments, **parameters):
        answer = query(self, *arguments, **parameters)
        found_it.set()
        settled.wait()
        return answer

    current = context.load()
    token = pending.find_token(current)
    pinned = keys.ensure_key_pair(f"host-{token}").public
    monkeypatch.setattr(AwsSession, "query", holding)
    with ThreadPoolExecutor(1) as other:
        found = other.submit(pending.resume, current, "gpu", "t2.micro")
        found_it.wait()
        pending.record_launched(current, token, unanswered.id, "")
        settled.set()

    assert found.result().id == unanswered.id
    assert pinned in known_hosts.pinned_lines(unanswered.id)[0]


@pytest.mark.parametrize(
    "line", ["t2.micro --disk 80 -y", "t2.micro --zone us-east-1b -y"], ids=["disk", "zone"]
)
def test_other_settings_of_the_same_launch_find_its_instance_and_are_not_dropped(
    unanswered, run, line
):
    with pytest.raises(errors.WrongState, match=r"'gpu' already exists, (with|in) .*Not applied: "):
        run(f"%aws_launch {line}")

    assert [each.id for each in existing()] == [unanswered.id]
    assert state.read().pending_launches == {}
    assert run("%aws_launch t2.micro -y").id == unanswered.id


@pytest.mark.parametrize(
    "line", ["t2.small", "t2.micro --name b", "t2.micro --spot"], ids=["type", "name", "spot"]
)
def test_before_another_launch_the_instance_is_shown(unanswered, run, line):
    with pytest.raises(errors.WrongState) as refused:
        run(f"%aws_launch {line} -y")

    assert unanswered.id in str(refused.value)
    assert [each.id for each in existing()] == [unanswered.id]


def test_a_launch_that_was_confirmed_after_another_was_lost_leaves_that_ones_token(unanswered):
    current = context.load()
    planned = plan.make_plan(current, "t2.small", name="first")
    token = pending.find_token(current)

    with pytest.raises(errors.WrongState, match=r"'gpu' \(t2\.micro\) in .* was sent \d+ seconds"):
        list(launch.launch_instance(current, planned))

    assert pending.find_token(current) == token
    assert [each.id for each in existing()] == [unanswered.id]


def test_before_a_launch_in_another_region_the_instance_is_shown(unanswered, run):
    run("%aws_region us-west-2")

    with pytest.raises(errors.WrongState, match=unanswered.id):
        run("%aws_launch t2.micro -y")

    assert existing() == []


@pytest.mark.parametrize("crew", ["", "--count 2 "], ids=["one", "crew"])
def test_a_request_that_was_lost_is_not_repeated_with_options_that_it_did_not_have(
    cloud, run, kill_at, crew
):
    line = f"%aws_launch t2.micro {crew}--max-duration 5h -y"
    kill_at("run_instances", after=False)
    with pytest.raises(Killed):
        run(line)

    with pytest.raises(errors.WrongState) as refused:
        run(f"{line} --disk 200 --max-duration 2h --idle 7")

    assert "AWS did not answer was sent with other options" in str(refused.value)
    assert str(refused.value).endswith("Not applied: --disk 200, --idle 7, --max-duration 2h.")
    assert existing() == []
    run(line)
    assert len(existing()) == (2 if crew else 1)


def test_a_request_that_was_lost_is_repeated_or_waited_for(cloud, run, kill_at):
    kill_at("run_instances", after=False)
    with pytest.raises(Killed):
        run("%aws_launch t2.micro -y")

    with pytest.raises(errors.WrongState, match="may still launch it") as refused:
        run("%aws_launch t2.small --name other -y")
    _age_pending_launch()
    other = run("%aws_launch t2.small --name other -y")

    assert "%aws_launch t2.micro --name gpu repeats it" in refused.value.fix
    assert [each.id for each in existing()] == [other.id]


def _age_pending_launch():
    def change(before):
        aged = {
            name: replace(pending, sent_at=pending.sent_at - _SETTLED_SECONDS)
            for name, pending in before.pending_launches.items()
        }
        return replace(before, pending_launches=aged)

    state.update(change)
