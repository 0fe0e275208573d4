from __future__ import annotations

import _thread
import threading
import time

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from support.cloud import start_in_second_kernel


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
