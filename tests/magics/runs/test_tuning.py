from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.runs import remote_origin
from dl_magics.runs.events import RunEnded
from dl_magics.training.backbones import kept_model
from support import run_events, tiny_keras
from support.run_events import ORIGIN


@pytest.fixture
def shell(shell):
    shell.run_line_magic("load_ext", "dl_magics")
    return shell


def refused(shell, capsys, cell):
    result = shell.run_cell(cell)
    assert not result.success
    shown = capsys.readouterr()
    return (shown.out + shown.err).strip().splitlines()


def test_a_run_of_a_host_or_of_theano_says_what_to_do(shell, home, capsys):
    ended = RunEnded(status="done")
    theano = replace(run_events.started(), versions={"backend": "theano", "keras": "1.2.2"})
    run_events.write_log(home / "runs" / "2026-11-04_theano", run_events.stamp([theano, ended]))
    done = run_events.make_events(ended=ended)
    run_events.write_log(home / "runs" / "2026-11-05_remote", done)
    remote_origin.save(home / "runs" / "2026-11-05_remote", ORIGIN)

    assert "is on Theano" in refused(shell, capsys, "%lr_find theano")[0]
    happened, fix = refused(shell, capsys, "%lr_find remote")
    assert happened.startswith("NotConnected: The features of the run 2026-11-05_remote are on ")
    assert fix.strip().startswith("%gpu_connect ")


def test_a_model_of_the_notebook_trains_and_a_rate_is_suggested_for_its_head(
    shell, home, tmp_path, capsys
):
    import keras

    built = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()]
    )
    shell.push({"my_model": built, "DATA": str(tiny_keras.photos(tmp_path / "photos", n=6))})

    run = shell.run_cell(
        "%%finetune '{DATA}'\nmodel = my_model\nepochs = 1\nheads = 1\ndense = [8]\n"
    ).result

    (kept,) = (home / "models").iterdir()
    assert run.status == "done"
    assert kept_model.has_kept_name(kept)
    assert run.state.recipe["model"] == str(kept)
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith(f"{kept.name} gets RGB pixels from 0 to 255, which it does not scale")
    happened, _ = refused(shell, capsys, "%%finetune '{DATA}'\nmodel = my_modell")
    assert "'my_modell' is not defined" in happened

    curve = shell.run_line_magic("lr_find", "")

    assert (curve.run, curve.before, curve.heads) == (run.name, 1e-3, 1)
    assert f"{curve.suggestion:g}" in repr(curve)
    assert "<svg" in curve._repr_html_()
    explained = shell.run_line_magic("lr_find", "--explain")
    assert f"reads the features of {run.name} on this computer" in repr(explained)
