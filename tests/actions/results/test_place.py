from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.aws import context
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.results import evaluating, place
from dl_magics.errors import WrongState
from dl_magics.runs import evaluation, remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.store import paths
from dl_magics.training.run import Run
from support import run_events
from support.evaluations import make_evaluation

SHA256 = "b" * 64


@pytest.fixture
def trained(uni, ssh_commands, run):
    """A run that has ended on an instance, and whose model is here."""
    instance = run("%aws_launch t2.micro --name gpu -y")
    host = SshHost(alias=instance.id, name="gpu", profile=context.load().profile)
    ended = RunEnded(status="done", files={"model.keras": SHA256})
    folder = paths.data_folder("runs") / "night"
    run_events.write_log(folder, run_events.make_events(ended=ended, data="/home/ada/my pets"))
    (folder / "model.keras").write_bytes(b"a model")
    remote_origin.save(folder, replace(run_events.ORIGIN, host=host.to_json()))
    return Run(folder)


def test_after_a_terminate_only_the_images_of_this_computer_are_offered(
    trained, run, tmp_path, monkeypatch
):
    (tmp_path / "my pets").mkdir()
    monkeypatch.chdir(tmp_path)
    run("%aws_terminate gpu -f")

    with pytest.raises(WrongState, match="gpu is terminated") as refused:
        evaluating.evaluate(place.find_result(again="%top_losses"), "valid")

    assert refused.value.fix == "%top_losses --data 'my pets' uses the images of this computer"


def test_a_host_that_is_up_is_used(trained):
    assert place.find_result().explain_ended() == ""


def test_only_an_evaluation_of_the_model_that_is_here_is_shown(trained):
    assert evaluating.read_stored(trained, "valid") is None

    for sha256, is_shown in (("a" * 64, False), (SHA256, True)):
        evaluation.write_evaluation(trained.path, make_evaluation(model_sha256=sha256))
        assert (evaluating.read_stored(trained, "valid") is not None) is is_shown
