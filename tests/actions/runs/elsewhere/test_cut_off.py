from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.aws import context
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.runs import runs
from dl_magics.actions.runs.elsewhere import cut_off
from dl_magics.errors import NoSuchRun, NotConfirmed
from dl_magics.runs import log, remote_origin
from dl_magics.store import paths
from dl_magics.training.engine import checkpoint
from dl_magics.training.run import Run
from support import run_events
from support.in_process.ssh import ANSWERS


@pytest.fixture
def gpu(uni, ssh_commands, run, capsys):
    """An instance that runs."""
    launched = run("%aws_launch t2.micro --name gpu -y")
    capsys.readouterr()
    return launched


def a_run(instance, name="2026-11-27_night", events=None):
    """A run on an instance, whose end no process of this computer has seen."""
    host = SshHost(alias=instance.id, name=instance.name, profile=context.load().profile)
    folder = paths.data_folder("runs") / name
    run_events.write_log(folder, run_events.make_events() if events is None else events)
    known = {"host": host.to_json(), "run_folder": f".dl_magics/runs/{name}", "is_complete": False}
    remote_origin.save(folder, replace(run_events.ORIGIN, **known))
    return Run(folder)


def stop_at_aws(instance):
    """Stop an instance past our code, as its guard or the AWS console does."""
    list(context.load().ec2.stop(context.load().ec2.describe_instance(instance.id)))


def test_a_stop_names_the_runs_that_it_cuts_off_and_what_continues_them(gpu, run, capsys):
    going, other = a_run(gpu), a_run(replace(gpu, id="i-0123456789abcdef0"), "2026-11-26_other")

    run("%aws_stop")

    said = capsys.readouterr().out
    assert (
        f"The run {going.name} had not ended on gpu, as far as this computer knows. "
        f"%aws_start gpu, %gpu_connect gpu, then %finetune --resume {going.name} continues it."
    ) in said
    assert other.name not in said
    assert (going.status, other.status) == ("interrupted", "running")


@pytest.mark.parametrize("name", ["my gpu", "gpu{1/0}"])
def test_an_instance_whose_name_is_not_plain_is_started_by_its_id(gpu, name):
    stopped = replace(gpu, name=name, state="stopped")

    said = cut_off.describe_ended(a_run(gpu), stopped)

    assert f"%aws_start {gpu.id}, %gpu_connect {gpu.id}, then" in said


def test_a_terminate_and_the_stop_of_a_crew_name_them_too(gpu, run, capsys):
    a_run(run("%aws_launch t2.micro --name crew-1 -y"), "2026-11-26_crew")
    going = a_run(gpu)

    run("%aws_terminate gpu -f")
    run("%aws_stop --crew crew")

    said = capsys.readouterr().out
    lost = f"what was not copied of {going.name} is lost with it, checkpoints too."
    assert f"The disk of gpu is deleted: {lost}" in said.partition("gpu: ")[0]
    assert (
        "On another instance that has its images: %gpu_connect NAME, then %finetune --resume "
        f"{going.name} trains it again, with the same results: its checkpoint was on that disk."
    ) in said
    assert "%aws_start gpu" not in said
    assert "%aws_start crew-1, %gpu_connect crew-1, then %finetune --resume 2026-11-26_crew" in said


def test_a_terminate_without_f_says_what_is_lost_and_what_keeps_it(gpu, run):
    going = a_run(gpu)

    with pytest.raises(NotConfirmed, match=f"copied of {going.name} is lost with it") as refused:
        run("%aws_terminate gpu")

    assert refused.value.fix.startswith(f"%attach {going.name} --stop keeps its best weights · ")


def test_a_terminated_run_continues_from_a_checkpoint_that_is_here(gpu):
    going = a_run(gpu)
    (going.path / checkpoint.FILE_NAME).write_bytes(b"")

    said = cut_off.describe_ended(going, replace(gpu, state="terminated"))

    assert f"--resume {going.name} continues it from the checkpoint that is here." in said


@pytest.mark.parametrize(
    ("events", "typed"),
    [
        ([], "run its cell again."),
        (
            run_events.stamp([replace(run_events.started(), versions={"backend": "theano"})]),
            "run its cell again: its features are computed again.",
        ),
    ],
    ids=["not begun", "Theano"],
)
def test_a_terminated_run_that_cannot_be_resumed_is_begun_again(gpu, events, typed):
    said = cut_off.describe_ended(a_run(gpu, events=events), replace(gpu, state="terminated"))

    assert f"%gpu_connect NAME, then {typed}" in said


def test_a_resize_asks_with_the_runs_that_it_cuts_off(gpu, run, capsys, monkeypatch):
    going, asked_with = a_run(gpu), []
    monkeypatch.setattr(
        "builtins.input", lambda _: asked_with.append(capsys.readouterr().out) or "y"
    )

    run("%aws_resize t2.small")

    assert f"  warning  it interrupts the run {going.name}, which can be resumed" in asked_with[0]
    said = capsys.readouterr().out
    assert f"%gpu_connect gpu, then %finetune --resume {going.name} continues it." in said
    assert "%aws_start gpu" not in said
    assert said.count("gpu: stopped\n") == 1
    assert going.status == "interrupted"


def test_a_run_whose_gpu_kernel_was_restarted_continues_in_the_new_one(gpu):
    going = a_run(gpu)

    said = cut_off.describe_ended_with_kernel(going, is_connected=True)

    assert said == (
        f"The run {going.name} had not ended on gpu, as far as this computer knows. "
        f"In the new GPU kernel: %finetune --resume {going.name} continues it."
    )


def test_a_run_whose_log_is_gone_from_its_host_is_interrupted_if_it_had_begun(gpu):
    begun, waiting = a_run(gpu), a_run(gpu, "2026-11-26_waiting", events=[])
    ANSWERS[log.FILE_NAME] = "".join(
        f"gone .dl_magics/runs/{each.name}\n" for each in (begun, waiting)
    )

    runs.list_runs()

    assert (begun.status, remote_origin.is_running(waiting.path)) == ("interrupted", True)


def test_a_run_that_has_ended_is_not_named(gpu, run, capsys):
    a_run(gpu, events=run_events.make_events(ended=run_events.RunEnded(status="done")))

    run("%aws_stop")

    assert "%finetune" not in capsys.readouterr().out


@pytest.mark.parametrize("events", [None, []])
def test_a_run_whose_instance_was_stopped_by_its_guard_is_interrupted_and_found(gpu, events):
    going = a_run(gpu, events=events)
    stop_at_aws(gpu)

    assert runs.find_resumable().name == going.name
    (_, _, row) = repr(runs.list_runs()).splitlines()
    assert "interrupted" in row
    assert going.status == "interrupted"


def test_of_an_instance_that_runs_its_host_is_asked_which_runs_were_cut_off(gpu):
    going, cut = a_run(gpu), a_run(gpu, "2026-11-26_cut")
    ANSWERS[log.FILE_NAME] = f"cut .dl_magics/runs/{cut.name}\n"

    assert runs.find_resumable().name == cut.name
    assert (going.status, cut.status) == ("running", "interrupted")


def test_a_run_that_goes_on_is_not_resumed_and_is_shown_instead(gpu):
    going = a_run(gpu)
    ANSWERS[log.FILE_NAME] = ""

    with pytest.raises(NoSuchRun) as refused:
        runs.find_resumable()

    assert refused.value._render_traceback_() == [
        f"NoSuchRun: There is no interrupted run; the newest, {going.name}, goes on.",
        f"  %attach {going.name} shows it.",
    ]


def test_a_run_that_a_process_copies_is_left_to_it(gpu):
    going = a_run(gpu)
    stop_at_aws(gpu)

    with log.LogWriter(going.path):
        runs.list_runs()

    assert remote_origin.is_running(going.path)


def test_where_aws_is_not_reached_a_run_goes_on_as_far_as_is_known(gpu):
    going = a_run(gpu)
    origin = remote_origin.load(going.path)
    unknown = {**origin.host["profile"], "profile": "nowhere"}
    remote_origin.save(going.path, replace(origin, host={**origin.host, "profile": unknown}))

    runs.list_runs()

    assert going.status == "running"
