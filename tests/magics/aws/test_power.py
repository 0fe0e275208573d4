from __future__ import annotations

import _thread
import json
import threading
import time
from unittest import mock

import asyncssh
import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.store import state
from support.cloud import start_in_second_kernel
from support.in_process.ssh import ANSWERS


def test_two_kernels_can_start_the_same_instance_at_once(rent, run, aws_shell, cloud_with_hosts):
    rent(state="stopped")
    run("%aws_get gpu")
    other = start_in_second_kernel("%aws_start -y")

    mine = run("%aws_start -y")

    output, _ = other.communicate()
    assert other.returncode == 0
    assert "SSH answers" in output
    assert mine.state == "running"


def test_a_stop_during_a_start_wins_and_the_start_fails(rent, run, aws_shell, cloud_with_hosts):
    rent(state="stopped")
    run("%aws_get gpu")
    cloud_with_hosts.inject_fault("slow-boot", seconds=4)
    other = start_in_second_kernel("%aws_start -y")
    while run("%aws_state") == "stopped":
        pass

    run("%aws_stop")

    output, _ = other.communicate()
    assert other.returncode == 1
    assert "WrongState" in output
    assert run("%aws_state") == "stopped"


def test_a_start_asks_once_with_the_cost_and_the_account(cloud, run, rent, monkeypatch, capsys):
    rent("g4dn.xlarge", state="stopped")
    answers, questions = ["n", "y"], []
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or answers.pop(0))

    with pytest.raises(errors.NotConfirmed, match="Nothing was changed") as refused:
        run("%aws_start gpu")
    unchanged = run("%aws_state gpu")
    started = run("%aws_start gpu")
    run("%aws_start gpu")

    assert "-y" in refused.value.fix
    assert (unchanged, started.state) == ("stopped", "running")
    assert len(questions) == 2
    asked = capsys.readouterr().out
    for word in ("practice · us-east-1, account 1234", "$0.526/h", "GiB, $", started.id):
        assert word in asked


def test_an_end_that_passes_while_a_start_is_retried_or_confirmed_starts_nothing(
    cloud, run, rent, aws_clock, monkeypatch
):
    rent(state="stopped")
    soon = time.strftime("%H:%M", time.localtime(time.time() + 90))
    cloud.inject_fault("no-capacity-on-start", times=99)

    with pytest.raises(errors.BadSetting, match=f"--until {soon} has passed") as late:
        run(f"%aws_start gpu --wait 20m --until {soon} -y")
    cloud.clear_faults()
    soon = time.strftime("%H:%M", time.localtime(aws_clock.time() + 90))
    monkeypatch.setattr("builtins.input", lambda _: aws_clock.sleep(100) or "y")
    with pytest.raises(errors.BadSetting, match=f"--until {soon} has passed"):
        run(f"%aws_start gpu --until {soon} --allow-from 203.0.113.0/24")

    assert "nothing was started" in str(late.value)
    assert run("%aws_state gpu") == "stopped"
    assert state.read().allow_from == ()


def test_address_ranges_are_not_stored_for_a_launch_or_start_that_is_refused(
    cloud, run, rent, monkeypatch
):
    rent(state="stopped")
    monkeypatch.setattr("builtins.input", lambda _: "n")

    for line in (
        "%aws_start gpu",
        "%aws_launch t2.micro --name two",
        "%aws_launch t2.micro --count 2 --name two",
    ):
        with pytest.raises(errors.NotConfirmed):
            run(f"{line} --allow-from 203.0.0.0/8")

    assert state.read().allow_from == ()


def test_a_start_that_ends_before_its_end_is_set_names_the_line_that_sets_it(
    cloud, run, ssh_commands, monkeypatch
):
    monkeypatch.setitem(access.until_ssh_answers.__kwdefaults__, "seconds", 20.0)
    run("%aws_launch t2.micro -y")
    run("%aws_stop")
    ANSWERS["change"] = "no guard"

    with pytest.raises(errors.WrongState, match="gpu has no guard") as unguarded:
        run("%aws_start gpu --until 23:00 -y")
    run("%aws_stop gpu")

    async def refuse(**_: object) -> None:
        raise OSError("Connection refused")

    with (
        mock.patch.object(asyncssh, "connect", refuse),
        pytest.raises(errors.NoAnswer, match="SSH has not answered for 20 s") as unanswered,
    ):
        run("%aws_start gpu --until 23:00 --max-duration 8h -y")

    assert str(unguarded.value).endswith("Not set on gpu: --until 23:00.")
    assert unguarded.value.fix.endswith("%aws_start gpu --until 23:00 sets what is not set.")
    assert str(unanswered.value).endswith("Not set on gpu: --max-duration 8h, --until 23:00.")
    assert "%aws_start gpu --max-duration 8h --until 23:00 sets" in unanswered.value.fix


def test_a_start_says_which_end_holds_and_a_longest_time_is_not_over_without_a_question(
    cloud, run, ssh_commands, monkeypatch, capsys
):
    def answer(**settings):
        found = {"idle_seconds": 1800, **settings}
        status = {"guard": 1, "running": True, "age": 1.0, "state": "idle", "settings": found}
        ANSWERS["change"] = json.dumps(status)

    run("%aws_launch t2.micro --max-duration 8h -y")
    run("%aws_stop")
    run("%aws_start -y")
    kept = capsys.readouterr().out
    answers, questions = ["n", "y"], []
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or answers.pop(0))
    ssh_commands.clear()
    for line in ("%aws_start --max-duration 2m", "%aws_launch t2.micro --max-duration 2m"):
        if questions:
            answer(max_seconds=120.0)
            run(line)
        else:
            with pytest.raises(errors.NotConfirmed):
                run(line)
            assert [command for command in ssh_commands if "max_seconds" in command] == []
    answer()
    run("%aws_start --max-duration off --until off")
    removed = ssh_commands[-1]
    run("%aws_stop")
    capsys.readouterr()
    run("%aws_start -y")

    assert "stops    after 8 hours in any case; %aws_start --max-duration off removes that" in kept
    assert len(questions) == 2
    assert all(
        "with --max-duration 2m its guard stops it in 5 min, also while" in q for q in questions
    )
    assert '"max_seconds": null, "until_seconds": null' in removed
    assert "in any case" not in capsys.readouterr().out


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "soon"])
def test_a_start_refuses_an_invalid_wait(run, wait):
    with pytest.raises(errors.BadSetting, match="--wait"):
        run(f"%aws_start --wait={wait}")


def test_an_interrupt_ends_only_the_waiting_for_a_start(cloud_with_hosts, run):
    run("%aws_launch t2.micro -y")
    run("%aws_stop")
    cloud_with_hosts.inject_fault("slow-boot", seconds=3)
    stopped = context.load().resolve_instance()

    def interrupt() -> None:
        while context.load().ec2.describe_instance(stopped.id).state == "stopped":
            time.sleep(0.05)
        _thread.interrupt_main()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run("%aws_start -y")

    assert run("%aws_state") == "running"
    assert run("%aws_start -y").answers


def test_launch_start_and_stop_can_be_repeated(cloud, run):
    launched = run("%aws_launch t2.micro -y")

    again = run("%aws_launch t2.micro -y")
    started = run("%aws_start -y")
    run("%aws_stop")
    stopped = run("%aws_stop")

    assert again.id == started.id == launched.id
    assert started.launched_at == launched.launched_at
    assert stopped.state == "stopped"


def test_a_launch_finds_a_stopped_instance_and_says_what_starts_it(cloud, run, capsys):
    launched = run("%aws_launch t2.micro -y")
    run("%aws_stop")

    found = run("%aws_launch t2.micro -y")

    assert (found.id, found.state) == (launched.id, "stopped")
    assert "gpu: stopped. %aws_start starts it" in capsys.readouterr().out
    assert run("%aws_state") == "stopped"


def test_a_stop_shows_the_cost(cloud, run):
    run("%aws_launch g4dn.xlarge -y")

    receipt = run("%aws_stop")

    # A start is billed for at least a minute.
    dollars = [str(round(each.dollars, 5)) for each in receipt.cost.parts]
    assert dollars[:2] == ["0.00877", "0.00008"]
    assert all(day in repr(receipt) for each in receipt.cost.parts for _, day in each.prices)
    assert repr(receipt).startswith("gpu: ")


def test_terminate_needs_force(cloud, run):
    launched = run("%aws_launch t2.micro -y")

    with pytest.raises(errors.NotConfirmed) as refused:
        run("%aws_terminate")
    gone = run("%aws_terminate -f")

    assert launched.id in refused.value.fix
    assert gone.state == "terminated"
    with pytest.raises(errors.NoSuchInstance):
        run("%aws_start -y")


@pytest.mark.parametrize(
    "line",
    [
        "%aws_terminate g4dn -f",
        "%aws_terminate thesi -f",
        "%aws_stop T4",
        "%aws_start g4dn.xlarge",
        "%aws_resize t2.micro g4dn -y",
    ],
)
def test_what_costs_or_deletes_needs_a_full_name_or_an_id(cloud, run, rent, line):
    thesis = rent("g4dn.xlarge", "thesis")

    with pytest.raises(errors.NoSuchInstance):
        run(line)

    assert run("%aws_state thesis") == "running"
    assert run(f"%aws_stop {thesis}").name == "thesis"


def test_a_selected_instance_that_dl_magics_did_not_launch_is_terminated_only_by_name(
    cloud, run, rent
):
    thesis = rent(name="thesis")
    run("%aws_get thesis")

    with pytest.raises(errors.NotConfirmed, match="did not launch"):
        run("%aws_terminate -f")

    assert run("%aws_state") == "running"
    assert run("%aws_terminate thesis -f").id == thesis


def test_a_resize_to_an_unknown_type_is_refused_before_the_stop(cloud, run):
    run("%aws_launch t2.micro -y")

    with pytest.raises(errors.NoSuchType):
        run("%aws_resize zz.huge -y")

    assert run("%aws_state") == "running"
