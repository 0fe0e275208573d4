from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics.__main__ import main
from dl_magics.actions.aws import context
from dl_magics.actions.runs import runs
from support import tiny_keras

RECIPE = "weights = None\nimage_size = 32\ndense = [8]\nbatch_size = 8\nmixed_precision = False\n"


@pytest.mark.parametrize(("words", "status"), [([], 0), (["--help"], 0), (["practise"], 2)])
def test_the_command_line_prints_its_usage(words, status, capsys):
    assert main(words) == status

    assert "dl-magics practice" in capsys.readouterr().out


def test_stopping_a_practice_cloud_that_is_not_running_succeeds(tmp_path):
    command = [sys.executable, "-m", "dl_magics", "practice", "--stop", "--folder", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos") / "colours", n=6)


@pytest.fixture
def recipe(tmp_path):
    InteractiveShell.clear_instance()
    file = tmp_path / "recipe.py"
    file.write_text(RECIPE)
    yield file
    InteractiveShell.clear_instance()


def test_a_recipe_is_trained_and_the_exit_status_is_that_of_its_run(recipe, photos, capsys):
    status = main(["run", str(recipe), str(photos), "--epochs", "1"])

    (run,) = runs.list_local_runs()
    assert status == 0
    assert (run.status, run.state.recipe["epochs"]) == ("done", 1)
    assert str(run.path) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.py", "photos"], "nowhere.py cannot be read"),
        (["{recipe}", "photos", "--epoch", "1"], "Nearest: epochs"),
        (["{recipe}", "no/such/folder"], "no/such/folder"),
        (["{recipe}", "photos", "--then", "stop"], "trains on this computer, which is no EC2"),
    ],
)
def test_what_cannot_begin_has_its_own_exit_status(words, said, recipe, capsys):
    status = main(["run", *(each.format(recipe=recipe) for each in words)])

    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert status == 2
    assert list(runs.list_local_runs()) == []


@pytest.mark.parametrize(
    ("type_", "said"),
    [("g4dn.xlrge", "g4dn.xlrge is not available"), ("g4dn.metal", "96 vCPUs")],
)
def test_a_launch_that_is_refused_before_it_began_has_that_exit_status(
    account_or_cloud, recipe, photos, type_, said, capsys
):
    status = main(["run", str(recipe), str(photos), "--launch", type_, "-y"])

    assert said in " ".join(capsys.readouterr().out.split())
    assert status == 2
    assert not context.load().ec2.list_instances()
