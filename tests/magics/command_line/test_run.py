from __future__ import annotations

import re
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics.__main__ import main
from dl_magics.actions.aws import context
from dl_magics.actions.runs import runs
from support import tiny_keras

RECIPE = "weights = None\nimage_size = 32\ndense = [8]\nbatch_size = 8\nmixed_precision = False\n"


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


def test_an_estimate_trains_nothing_and_has_the_exit_status_of_a_run_that_ended_well(
    recipe, photos, capsys
):
    status = main(["run", str(recipe), str(photos), "--check"])

    assert status == 0
    assert "price: nothing on this computer" in capsys.readouterr().out
    assert list(runs.list_local_runs()) == []


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{recipe}", "{photos}", "--epoch", "1"], "Nearest: epochs"),
        (["{typo}", "{photos}"], "Nearest: epochs"),
        (["{recipe}", "no/such/folder"], "no/such/folder"),
        (["{recipe}", "{recipe}"], "is a file"),
        (["{recipe}", "{photos}", "--then", "terminate"], "add -f to confirm"),
        (["{recipe}", "{photos}", "--workers", "crew"], "workers = crew"),
        (["{recipe}", "{photos}", "--resume"], "--resume takes the name of one run"),
        (["{recipe}", "{photos}", "--check"], "--check trains nothing"),
        (["{recipe}", "{photos}", "--on", "me@lab.example.org"], "is not the name of an instance"),
        (["{recipe}", "{photos}", "--on", "i-0123456789abcdef0"], "is not the name of an instance"),
    ],
)
def test_nothing_is_rented_for_a_run_that_is_refused(
    account_or_cloud, recipe, photos, words, said, capsys
):
    typo = recipe.with_name("typo.py")
    typo.write_text("epoch = 1\n")
    files = {"recipe": recipe, "photos": photos, "typo": typo}

    status = main(["run", *(each.format(**files) for each in words), "--launch", "t2.micro", "-y"])

    assert said in capsys.readouterr().out
    assert status == 2
    assert not context.load().ec2.list_instances()


def test_explaining_a_run_rents_nothing(account_or_cloud, recipe, photos, capsys):
    status = main(["run", str(recipe), str(photos), "--launch", "t2.micro", "--explain"])

    assert "import keras" in capsys.readouterr().out
    assert status == 0
    assert not context.load().ec2.list_instances()


# SSH answers in an account, but no kernel can start there.
@pytest.mark.parametrize(
    ("before", "options", "after"),
    [
        ("none", ["--then", "stop"], "stopped"),
        ("none", ["--then", "terminate", "-f"], "terminated"),
        ("none", [], "running"),
        ("stopped", ["--then", "terminate", "-f"], "stopped"),
        ("stopped", [], "running"),
        ("running", ["--then", "stop"], "running"),
    ],
)
def test_what_was_rented_for_a_run_that_does_not_begin_is_given_back(
    account_or_cloud, recipe, photos, run, before, options, after, capsys
):
    if before != "none":
        run("%aws_launch t2.micro --name evening -y")
    if before == "stopped":
        run("%aws_stop")
    InteractiveShell.clear_instance()
    capsys.readouterr()
    words = ["--on", "evening", "--launch", "t2.micro", "-y", *options]

    status = main(["run", str(recipe), str(photos), *words])

    (instance,) = context.load().ec2.list_instances()
    shown = capsys.readouterr().out
    assert status == 1
    assert (instance.name, instance.state) == ("evening", after)
    assert ("Start evening (" in shown) == (before == "stopped")
    stays = rf"evening stays up, \$0\.0166/h .*: %aws_stop {instance.id} stops it"
    assert bool(re.search(stays, shown)) == (after == "running")


def test_the_second_evening_starts_the_instance_and_stops_it_after_the_run(
    cloud_with_hosts, recipe, photos, run
):
    def run_on_evening(data, *options):
        words = [recipe, data, "--on", "evening", *options]
        command = [sys.executable, "-m", "dl_magics", "run", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    launched = run("%aws_launch t2.micro --name evening -y")
    in_s3 = run_on_evening("s3://practice-photos/colours")
    run("%aws_stop")
    trained = run_on_evening(
        photos, "--launch", "t2.micro", "-y", "--epochs", "1", "--then", "stop"
    )

    assert "--iam-instance-profile" in in_s3[1]
    assert "Start evening (" in trained[1]
    assert trained[0] == 0
    (trained_run,) = runs.list_local_runs()
    assert trained_run.status == "done"
    # Those that other tests have terminated are listed for some time.
    (instance,) = (each for each in context.load().ec2.list_instances() if not each.gone)
    assert (instance.id, instance.state) == (launched.id, "stopped")
