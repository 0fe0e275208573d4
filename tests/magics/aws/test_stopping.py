"""What happens to the workers of a run after it; tests/actions/runs/test_remote_finetune.py has
what happens to the instance on which a run trains.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import when_done
from dl_magics.actions.runs.ending import plan as ending
from dl_magics.actions.runs.ending import resumed
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.gpu_kernel import all_agents
from dl_magics.magics.aws import stopping
from dl_magics.runs import log, remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.ssh import blocking
from dl_magics.store import paths
from dl_magics.training.crew import worker
from dl_magics.training.recipe.recipe import check_settings
from dl_magics.training.run import Run
from support import run_events
from support.in_process import ssh
from support.in_process.ssh import ANSWERS

HERE = TrainingPlace("Trains on this computer.")


def plan(then="stop", *, force=False, workers=("crew",)):
    recipe = check_settings("photos", {"then": then, "workers": list(workers)})
    return ending.plan_ending(recipe, HERE, force=force)


def a_run(status="done", *later, files=True, **recipe):
    """A run whose model is on this computer."""
    folder, model = paths.data_folder("runs") / f"night-{recipe.get('then')}", b"a model"
    files = {"model.keras": hashlib.sha256(model).hexdigest()} if files else {}
    ended = [RunEnded(status=status, files=files)] if status else []
    host = {name: recipe.pop(name) for name in ("ids", "id", "name") if name in recipe}
    started = replace(run_events.started(**recipe), host={"local": True, **host})
    run_events.write_log(folder, run_events.stamp([started, run_events.epoch(1), *later, *ended]))
    (folder / "model.keras").write_bytes(model)
    return Run(folder)


def states():
    return {each.name: each.state for each in context.load().ec2.list_instances()}


@pytest.fixture
def crew(uni, ssh_commands, run, capsys):
    run("%aws_launch t2.micro --count 3 --name crew -y")
    run("%aws_launch t2.micro --name crew-old -y")
    ANSWERS.update({log.FILE_NAME: "", worker.LOCK: "", "agent.sock": ""})
    capsys.readouterr()


def test_all_that_workers_names_are_stopped_with_a_receipt_of_each_and_the_sum(crew, run, capsys):
    endings = plan()
    run("%aws_stop crew-2")  # as its guard may
    capsys.readouterr()

    stopping.end_after(endings, a_run())

    assert states() == {
        **dict.fromkeys(("crew-1", "crew-2", "crew-3"), "stopped"),
        "crew-old": "running",
    }
    said = capsys.readouterr().out.strip()
    # With its seconds and dollars: `crew-1: 2 s (billed as 1 min), $0.0003`.
    receipts = re.findall(r"^(crew.*): \d+ (?:s|min).*, \$\d", said, re.MULTILINE)
    assert receipts == ["crew-1", "crew-3"]
    assert said.splitlines()[-1].startswith("together $")


def test_one_that_another_run_uses_stays_up_and_is_named_the_others_are_stopped(crew, capsys):
    ANSWERS[worker.LOCK] = ["", "worker", ""]
    endings = plan()

    with (
        pytest.raises(errors.WrongState, match="crew-2 stays up, as it is a worker of another"),
        stopping.saying_it_stays_up(endings),
    ):
        stopping.end_after(endings, a_run())

    assert [name for name, state in states().items() if state == "running"] == [
        "crew-2",
        "crew-old",
    ]
    said = capsys.readouterr().out
    assert "crew-2 stays up: %aws_stop i-" in said
    assert "crew-1 stays up" not in said


def test_one_that_aws_refuses_to_stop_after_the_run_stays_up_the_others_are_stopped(
    crew, uni, capsys
):
    endings = plan()
    uni.inject_fault("stop-protection", times=9, instance=endings[0].id, actions=["StopInstances"])

    with (
        pytest.raises(errors.CloudError, match="crew-1 is NOT stopped: it is running"),
        stopping.saying_it_stays_up(endings),
    ):
        stopping.end_after(endings, a_run())

    assert [name for name, state in states().items() if state == "running"] == [
        "crew-1",
        "crew-old",
    ]
    said = capsys.readouterr().out
    assert "crew-1 stays up: %aws_stop i-" in said
    assert re.findall(r"^(crew.*): \d+ (?:s|min).*, \$\d", said, re.MULTILINE) == [
        "crew-2",
        "crew-3",
    ]


def test_results_that_are_not_here_keep_all_of_them_up(crew, capsys):
    endings = plan(workers=("crew-1", "crew-3"))

    with (
        pytest.raises(errors.NotTrained, match="crew-1, crew-3 stay up") as refused,
        stopping.saying_it_stays_up(endings),
    ):
        stopping.end_after(endings, a_run("failed"))

    assert "%aws_stop crew-1, %aws_stop crew-3 stop them" in refused.value.fix
    assert set(states().values()) == {"running"}
    said = capsys.readouterr().out
    assert all(f"{name} stays up: %aws_stop i-" in said for name in ("crew-1", "crew-3"))
    assert "crew-2" not in said


def test_they_are_terminated_after_a_confirmation_that_names_each_and_if_they_began_the_run(crew):
    with pytest.raises(errors.NotConfirmed, match=r"crew-1 \(i-.*their disks") as asked:
        plan("terminate")

    assert "crew-3" in str(asked.value)
    assert "-f" in asked.value.fix
    assert {each.verb for each in plan("terminate", force=True)} == {"terminate"}

    # One that came later was not confirmed: it is stopped with the others, but not terminated.
    ids = {each.name: each.id for each in context.load().ec2.list_instances()}
    for then, names in (
        ("stop", ["crew-1", "crew-2", "crew-3"]),
        ("terminate", ["crew-1"]),
        (None, []),
    ):
        run = a_run("", then=then, workers=["crew"], ids=[ids["crew-1"]])
        planned = resumed.plan_resumed(run)
        assert [each.name for each in planned.endings] == names
        assert planned.stays_up.startswith("crew-2, crew-3 will not be") == (then == "terminate")


def test_what_joined_a_run_when_it_was_resumed_is_not_terminated_after_it_is_resumed_again(crew):
    ids = {each.name: each.id for each in context.load().ec2.list_instances()}
    began = {"then": "terminate", "workers": ["crew"], "ids": [ids["crew-1"]]}
    joined = replace(run_events.resumed(at=2), host={"local": True, "ids": list(ids.values())})

    planned = resumed.plan_resumed(a_run("", joined, **began))

    assert [each.name for each in planned.endings] == ["crew-1"]


@pytest.mark.parametrize(("began", "names"), [("crew-1", ["crew-1"]), ("crew-2", [])])
def test_the_instance_of_a_resumed_run_is_ended_if_all_of_it_trained_there(crew, began, names):
    ids = {each.name: each.id for each in context.load().ec2.list_instances()}
    run = a_run("", then="terminate", id=ids[began], name=began)
    host = {**run_events.ORIGIN.host, "alias": ids["crew-1"], "name": "crew-1"}
    remote_origin.save(run.path, replace(run_events.ORIGIN, host=host))

    planned = resumed.plan_resumed(run)

    assert [each.name for each in planned.endings] == names
    assert planned.stays_up.startswith("crew-1 stays up after the run") == (not names)
    assert ("it trained on crew-2 before" in planned.stays_up) == (not names)


@pytest.mark.parametrize(
    ("status", "about", "fix"),
    [
        ("done", {}, ""),
        ("done", {"model": False}, "%attach night-terminate fetches one"),
        ("done", {"model": False, "alias": "i-another"}, ""),
        ("failed", {"model": False, "files": False}, ""),
        ("failed", {"model": False}, "%attach night-terminate fetches one"),
        ("done", {"is_complete": False}, "%attach night-terminate fetches one"),
        ("", {"model": False}, "%finetune --resume night-terminate completes one"),
    ],
)
def test_an_instance_is_terminated_if_its_runs_are_here_or_had_no_results(crew, status, about, fix):
    (ends,) = plan("terminate", force=True, workers=("crew-1",))
    run = a_run(status, then="terminate", files=about.get("files", True))
    origin = replace(
        run_events.ORIGIN,
        host={**run_events.ORIGIN.host, "alias": about.get("alias", ends.id)},
        is_complete=about.get("is_complete", True),
        model_sha256=run.state.files.get("model.keras", ""),
    )
    remote_origin.save(run.path, origin)
    if not about.get("model", True):
        (run.path / "model.keras").unlink()
    ANSWERS["ls -1"] = run.name

    if not fix:
        when_done.check_idle(ends)
        return
    with pytest.raises(errors.WrongState, match="these runs are on its disk only") as refused:
        when_done.check_idle(ends)
    assert refused.value.fix.startswith(fix)


def test_an_instance_that_cannot_say_what_it_runs_stays_up(crew, monkeypatch):
    (ends,) = plan(workers=("crew-1",))
    monkeypatch.setattr(ssh.Process, "returncode", 127)
    host = SshHost(alias=ends.id, name=ends.name, profile=ends.context.profile)

    with pytest.raises(errors.CommandFailed, match="crew-1 stays up, as it did not say what runs"):
        when_done.check_idle(ends)
    with pytest.raises(errors.CommandFailed, match="crew-1 could not be asked what they run"):
        blocking.wait_for(all_agents.list_busy(host.resolve_target()))
