from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.actions.gpu import notebook_kernel, sync
from dl_magics.actions.results import evaluating, place
from dl_magics.actions.runs import deletion, runs
from dl_magics.runs import checkpoint_request, evaluation, log, remote_origin, stop_request
from dl_magics.runs.events import CheckpointSaved, EpochEnded, RunEnded, Warned
from dl_magics.ssh import blocking, connection
from dl_magics.store import paths
from dl_magics.training.engine import checkpoint
from dl_magics.training.run import Run
from support import run_events, slow_epochs, tiny_keras
from support.backbones import small_model
from support.ec2_client import ONE_TRY, until
from support.images import plant_faults, write_pets
from support.kernel import another_host_answers, replace_kernels
from support.limits.disk import mount_small_disk
from support.old_keras import COMPILED, CXX_FLAGS, theano_flags, theano_python
from support.s3.roles import make_role

OF_HEAD = "image_size = 32\ndense = [8]\nbatch_size = 8\nmixed_precision = False\n"
SETTINGS = f"model = small\n{OF_HEAD}"
MIRRORED = "def augment(image, random):\n    return image[:, :: random.choice([-1, 1])]"
CELL = f"%%finetune colours\n{SETTINGS}epochs = 2\n{MIRRORED}"
VGG16 = f"%%finetune colours\nweights = None\n{OF_HEAD}heads = 1\nepochs = 2"
# Where five heads would show nothing more.
ONE_HEAD = f"{SETTINGS}heads = 1\n"
QUICK = f"%%finetune colours\n{ONE_HEAD}epochs = 2"
LONG = f"%%finetune colours\n{ONE_HEAD}epochs = 100\npatience = 100"
TIGHT_BUDGETS = [40 + each for each in range(int(os.environ.get("BUDGET_RUNS", "0")))]
FOR_EVER = f"%%finetune colours\n{ONE_HEAD}{slow_epochs.FOR_EVER}"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The network of most runs, by a name of the notebook: VGG16 would take most of their time."""
    return str(small_model.save(tmp_path_factory.mktemp("network") / "small.keras"))


@pytest.fixture
def run(request, gpu_run, small, host_home, finished, tmp_path, monkeypatch):
    if "theano" in finished and "theano" not in request.fixturenames:
        del finished["theano"]
        gpu_run("%backend --undo")
    monkeypatch.chdir(tmp_path)
    gpu_run.shell.user_ns["small"] = small
    if not (host_home / "colours").exists():
        tiny_keras.photos(host_home / "colours", n=6)
    return gpu_run


@pytest.fixture(scope="module")
def finished():
    """Runs that tests only look at, by their cells, and what is chosen: each is made once."""
    return {}


@pytest.fixture
def trained(run, finished, capsys):
    """A short run, and what was said meanwhile."""
    if CELL not in finished:
        finished[CELL] = run(CELL), capsys.readouterr().out
    return finished[CELL]


@pytest.fixture
def unbroken(run, finished):
    """A run that nothing befalls."""
    if LONG not in finished:
        finished[LONG] = run(LONG)
    return finished[LONG]


def network_of(run):
    """Return the name of the network of a run, on its host."""
    return Path(run.state.recipe["model"]).name


def there(host_home, run):
    return host_home / ".dl_magics" / "runs" / run.name


def test_what_the_backend_writes_while_it_is_imported_stays_on_the_host(trained, run, host_home):
    done, _ = trained

    kept = (there(host_home, done) / "messages.log").read_text()

    assert "oneDNN" in kept
    assert "oneDNN" not in repr(run("%gpu_log"))


def test_a_cell_trains_on_the_host_and_its_files_are_copied(trained, host_home):
    done, said = trained

    assert isinstance(done, Run)
    assert done.status == "done"
    assert done.state.host["name"] == "gpu"
    assert done.state.host["dollars_per_hour"] == pytest.approx(0.0166)
    log_there = (there(host_home, done) / log.FILE_NAME).read_bytes()
    assert (done.path / log.FILE_NAME).read_bytes() == log_there
    model_there = there(host_home, done) / "model.keras"
    assert (done.path / "model.keras").read_bytes() == model_there.read_bytes()
    assert 'class="matrix"' in (done.path / "report.html").read_text("utf-8")
    evaluated = Path("evaluation", "valid.json")
    assert (done.path / evaluated).read_bytes() == (there(host_home, done) / evaluated).read_bytes()
    assert json.loads((done.path / "recipe.json").read_text()) == done.state.recipe
    assert said.startswith("Trains on gpu (t2.micro, $0.0166/h (20")
    assert "epoch 2:" in said
    # It was loaded in a process of its own.
    checked = remote_origin.load(done.path).model_sha256
    assert checked == hashlib.sha256(model_there.read_bytes()).hexdigest()


def test_a_model_that_the_local_keras_cannot_load_is_kept_here_and_in_the_gpu_kernel(
    run, monkeypatch, capsys
):
    before = {each.name for each in runs.list_local_runs()}
    monkeypatch.setenv("KERAS_BACKEND", "mxnet")

    with pytest.raises(errors.NotLoadable, match="was copied without errors") as refused:
        run(VGG16)

    assert "mxnet" in str(refused.value)
    (done,) = [each for each in runs.list_local_runs() if each.name not in before]
    assert done.status == "done"
    assert (done.path / "model.keras").exists()

    run("%%gpu\nprint(run.name, len(run.model.layers) > 0)")
    assert capsys.readouterr().out.endswith(f"{done.name} True\n")


def test_a_remote_run_has_the_numbers_of_a_local_run(run, trained, host_home, monkeypatch):
    away, _ = trained
    shutil.copytree(host_home / "colours", "colours")
    assert sync.describe_difference("colours") == ""

    monkeypatch.setenv("JPY_SESSION_NAME", "not connected.ipynb")
    at_home = run(CELL)

    assert remote_origin.load(at_home.path) is None
    assert at_home.path.parent == paths.data_folder("runs")
    assert away.history == at_home.history


def test_data_missing_on_the_host_is_refused_before_the_start(run):
    before = len(runs.list_local_runs())
    tiny_keras.photos(Path("only_here"), n=2)

    with pytest.raises(errors.BadData) as refused:
        run(f"%%finetune only_here\n{SETTINGS}")
    with pytest.raises(errors.BadData, match="neither on gpu nor on this computer") as misspelled:
        run(f"%%finetune only_her\n{SETTINGS}")

    assert "Did you mean" in misspelled.value.fix
    assert "only_here'" in misspelled.value.fix
    assert "only_here is not on gpu" in str(refused.value)
    assert refused.value.fix == "%sync up only_here"
    assert len(runs.list_local_runs()) == before


def test_a_data_set_is_checked_and_cleaned_on_the_host_without_a_copy_of_it(run, host_home, capsys):
    write_pets(host_home / "pets", train=5, valid=3)
    plant_faults(host_home / "pets")
    before = {path: path.read_bytes() for path in (host_home / "pets").rglob("*.*")}

    report = run("%check_data pets")
    run("%check_data pets --fix -y")
    moved = [path for path in before if not path.exists()]
    back = run("%check_data pets --put-back")

    assert capsys.readouterr().out.startswith("Checks pets on gpu; --here checks this computer's.")
    assert report.host == "gpu"
    assert report.files("dark") == ["train/cats/night.jpg"]
    assert report._repr_html_().count("<img ") >= 15
    assert len(moved) == 5
    assert back == f"Put 5 files back into {host_home / 'pets'}."
    assert {path: path.read_bytes() for path in before} == before
    assert not Path("pets").exists()


def test_labels_are_checked_on_the_host_by_the_features_of_its_runs(trained, run):
    report = run("%check_data colours --labels")

    assert report.findings.note == ""


def test_a_learning_rate_is_found_on_the_host_that_has_the_features(trained, run):
    done, _ = trained

    curve = run(f"%lr_find {done.name}")

    assert curve.run == done.name
    assert curve.before == done.state.recipe["learning_rate"]
    assert len(curve.losses) > 10


def test_a_run_is_evaluated_on_the_host_and_only_what_is_shown_is_copied(trained, run, host_home):
    done, _ = trained

    shown = run(f"%top_losses 2 --run {done.name}")

    found = shown.evaluated.evaluation
    assert (shown.host, found.root) == ("gpu", str(host_home / "colours"))
    assert found.accuracy == pytest.approx(done.best["val_accuracy"])
    assert shown._repr_html_().count("<img") == 4
    assert len(shown.evaluated.pictures) == 2
    assert done.evaluate("valid") == found == evaluation.read_evaluation(done.path, "valid")
    pictures = evaluating.load_pictures(place.find_result(done.name), found, [found.photos[0].path])
    assert all(pictures.values())
    assert not Path("colours").exists()
    with pytest.raises(errors.BadData, match="has no test images"):
        done.evaluate("test")


def test_explain_evaluates_on_the_host_what_the_run_kept_for_validation(
    trained, run, host_home, monkeypatch
):
    done, _ = trained
    code = compile(run(f"%confusion --run {done.name} --explain"), "explained", "exec")
    names: dict = {}

    monkeypatch.setenv("HOME", str(host_home))
    exec(code, names)

    assert names["matrix"].tolist() == [list(row) for row in done.evaluate("valid").confusion]
    assert all(each.startswith(str(host_home / "colours")) for each in names["files"])


def test_images_of_the_host_are_predicted_there_and_only_what_is_shown_is_copied(
    trained, run, host_home, capsys
):
    done, _ = trained
    (host_home / "colours" / "broken.png").write_bytes(b"")

    found = run(f"%predict colours --run {done.name} --csv found.csv")

    (host_home / "colours" / "broken.png").unlink()
    assert capsys.readouterr().out.startswith("Predicts colours on gpu; --here, ")
    assert repr(found).splitlines()[0] == f"{found.summary} · on gpu"
    files = sorted(str(each) for each in (host_home / "colours").glob("*/*.png"))
    assert sorted(str(each.path) for each in found) == files
    assert found._repr_html_().count("<img ") == len(files) == 12
    assert [path.name for path in found.skipped] == ["broken.png"]
    assert not Path("colours").exists()
    assert len(Path("found.csv").read_text("utf-8").splitlines()) == 14
    here = {str(each.path): each.probabilities for each in done.predict(files, here=True)}
    for each in found:
        assert here[str(each.path)] == pytest.approx(each.probabilities, abs=1e-5)


def test_images_that_only_this_computer_has_are_predicted_here_and_it_says_so(
    trained, run, host_home, capsys
):
    done, _ = trained
    tiny_keras.photos(Path("holiday"), n=1)

    found = done.predict("holiday")

    assert found.host == ""
    assert "Predicts on this computer: gpu has no holiday.\n" in capsys.readouterr().out
    with pytest.raises(errors.BadData, match="elsewhere is neither on gpu nor on this computer"):
        run(f"%predict elsewhere --run {done.name}")
    script = repr(run(f"%predict colours --run {done.name} --explain"))
    assert script.startswith("# It runs this on gpu.")
    assert f"{host_home}/colours" in script


def test_a_bias_report_is_made_on_the_host(trained, run):
    done, _ = trained

    report = run(f"%bias_report --run {done.name} --images 4")

    assert len(report.evaluation.labelled) == sum(each.images for each in report.classes)
    assert len(report.ablation.truth) == len(report.ablation.predicted["the border"])
    assert "What the pretrained network sees" in repr(report)
    assert not Path("colours").exists()


def test_doubtful_images_are_moved_and_put_back_on_the_host(trained, run, host_home):
    done, _ = trained
    opened = run(f"%clean_images --run {done.name}")
    path = opened.photos[0].path

    assert (opened.place.host, opened.root) == ("gpu", str(host_home / "colours"))
    assert list(opened.load_pictures([path])) == [path]
    opened.quarantine(path)
    assert not (host_home / "colours" / path).exists()
    opened.undo()
    assert (host_home / "colours" / path).is_file()
    assert not Path("colours").exists()


def test_a_data_set_is_split_on_the_host(run, host_home, capsys):
    run("%split_data colours --valid 0.5")

    said = capsys.readouterr().out
    assert said.startswith("Splits colours on gpu; --here splits this computer's.")
    assert "hard links in colours-split" in said
    assert (host_home / "colours-split" / "valid").is_dir()
    assert run("%split_data --undo colours-split").startswith("Removed")
    assert not (host_home / "colours-split").exists()


def test_a_data_set_here_is_checked_if_asked(run):
    write_pets(Path("only_here"), train=2, valid=1)

    assert run("%check_data only_here --here").host == ""
    with pytest.raises(errors.BadData, match="only_here is not on gpu"):
        run("%check_data only_here")


def test_differences_between_local_and_remote_data_are_listed_first(run, host_home, capsys):
    folder = host_home / "shared"
    folder.mkdir()
    (folder / "a.txt").write_text("only there")
    shutil.copytree(folder, "shared")
    (Path("shared") / "b.txt").write_text("only here")
    (Path("shared") / "c.txt").write_text("only here")
    (Path("shared") / "a.txt").unlink()

    with pytest.raises(errors.BadData):
        run(f"%%finetune shared\n{SETTINGS}")

    said = capsys.readouterr().out
    assert "2 files are new or changed here, 1 file is only there" in said
    assert "%sync up shared --delete" in said


def test_what_the_host_refuses_is_raised_here_and_leaves_nothing_on_either_side(run, host_home):
    (host_home / "empty").mkdir(exist_ok=True)
    folders = [paths.data_folder("runs"), host_home / ".dl_magics" / "runs"]
    before = [sorted(each.glob("*")) for each in folders]

    with pytest.raises(errors.BadData) as refused:
        run(f"%%finetune empty\n{SETTINGS}")

    assert "empty" in str(refused.value)
    with pytest.raises(errors.BadSetting, match=r"weights = 'mine\.h5': there is no such file"):
        run(VGG16.replace("weights = None", "weights = 'mine.h5'"))
    assert [sorted(each.glob("*")) for each in folders] == before


@pytest.fixture
def theano(run, host_home, finished):
    """Theano is chosen on the instance, until a test without it; what it compiles is kept."""
    rc = f"[global]\nbase_compiledir = {COMPILED}\n[gcc]\ncxxflags = {CXX_FLAGS}\n"
    (host_home / ".theanorc").write_text(rc)
    if "theano" not in finished:
        finished["theano"] = run(f"%backend theano --setup {theano_python()}")


ON_THEANO = VGG16.replace("mixed_precision = False", "dropout = 0.2")
FOR_EVER_ON_THEANO = ON_THEANO.replace("epochs = 2", "epochs = 100_000\npatience = 100_000")


def test_a_theano_run_trains_remotely_and_predicts_on_both_sides(
    run, host_home, theano, capsys, monkeypatch
):
    done = run(ON_THEANO)

    assert done.status == "done"
    assert done.state.host["name"] == "gpu"
    assert done.state.versions["backend"] == "theano"
    for name in (log.FILE_NAME, "model.h5"):
        assert (done.path / name).read_bytes() == (there(host_home, done) / name).read_bytes()
    assert (done.path / "report.html").exists()
    assert "epoch 2:" in capsys.readouterr().out

    run("%%gpu -o seen\nseen = [each.probability for each in run.predict('colours')]")
    with pytest.raises(errors.NotTrained, match="no interpreter with Theano") as refused:
        done.predict(host_home / "colours", here=True)
    assert "%backend theano --setup --here" in refused.value.fix
    assert "%%gpu" in refused.value.fix

    monkeypatch.setenv("THEANO_FLAGS", theano_flags())
    run(f"%backend theano --setup {theano_python()} --here")
    seen = [each.probability for each in done.predict(host_home / "colours", here=True)]
    assert seen == pytest.approx(run.shell.user_ns["seen"], rel=1e-4)


def test_the_remote_theano_device_is_set_and_the_one_in_use_is_shown(run, host_home, theano):
    run("%device gpu")

    assert "device = cuda\n" in (host_home / ".theanorc").read_text()
    shown = run("%device")
    assert (shown.where, shown.backend, shown.configured, shown.in_use) == (
        "remote",
        "theano",
        "cuda",
        "cpu",
    )


def test_a_recipe_that_theano_cannot_train_is_refused_before_the_start(run, host_home, theano):
    before = len(runs.list_local_runs())

    with pytest.raises(errors.BadSetting, match="on Theano there is VGG16"):
        run(ON_THEANO + '\nmodel = "ResNet50"\nbackend = "theano"')

    assert len(runs.list_local_runs()) == before


def test_a_local_stop_ends_a_remote_theano_run_with_its_best_weights(run, theano):
    going, thread = begun(run, FOR_EVER_ON_THEANO)

    runs.request_stop(going)
    thread.join(60)

    assert going.status == "stopped"
    assert (going.path / "model.h5").exists()


def test_a_killed_gpu_kernel_leaves_no_theano_process(run, theano):
    run("%%gpu -o pid\nimport os\npid = os.getpid()")
    going, thread = begun(run, FOR_EVER_ON_THEANO)
    (worker,) = (each for each in psutil.Process(run.shell.user_ns["pid"]).children())

    os.kill(run.shell.user_ns["pid"], signal.SIGKILL)
    thread.join(60)

    assert "its features are kept there" in run.failed.fix
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    with pytest.raises(errors.NotResumable, match="keeps no checkpoint"):
        run(f"%finetune --resume {going.name}")
    run("%gpu_restart")


def test_a_recipe_with_another_backend_than_the_host_is_refused(run):
    with pytest.raises(errors.BadSetting, match="but Keras is on tensorflow"):
        run(CELL + '\nbackend = "jax"')


def begun(run, cell):
    """Train in a thread, as a notebook's cell would go on; return the run."""
    before = {each.name for each in runs.list_local_runs()}
    thread = threading.Thread(target=lambda: _ran(run, cell), daemon=True)
    thread.start()
    fresh = until(lambda: [each for each in runs.list_local_runs() if each.name not in before])[0]
    until(lambda: len(fresh.state.epochs) > 2, is_cheap=True)
    return fresh, thread


def kernels(host_home):
    """Return the GPU kernels of an instance."""
    named = (each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"])
    words = {each: " ".join(each.info["cmdline"]) for each in named}
    return {each for each, line in words.items() if "ipykernel" in line and str(host_home) in line}


@contextmanager
def paused(processes):
    """Let a run that goes on for ever compute nothing while something else is looked at."""
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            each.resume()


def _ran(run, cell):
    try:
        run(cell)
    except errors.DLMagicsError as error:
        run.failed = error


def users_of(host_home, run):
    """Return the lists, in the spaces of the host's feature store, that name a run."""
    lists = (host_home / ".dl_magics" / "features").glob("*/runs.txt")
    return [each for each in lists if run.name in each.read_text().split()]


def test_a_local_stop_ends_a_remote_run_with_its_best_weights(run, host_home):
    going, thread = begun(run, FOR_EVER)
    (users,) = until(lambda: users_of(host_home, going))
    before = sorted(users.parent.glob("*.block"))

    with paused(kernels(host_home)):
        shown = run("%features --there")
        kept = run("%features --clear -y --there")
        runs.request_stop(going)
    thread.join(60)

    assert going.name in repr(shown)
    assert "On gpu: features " in repr(shown)
    needed = f"{network_of(going)}, 32 px"
    assert f"kept, as a run that is going on needs them: {needed}" in kept
    assert sorted(users.parent.glob("*.block")) == before != []
    assert going.status == "stopped"
    assert (going.path / "model.keras").exists()


def test_two_interrupts_leave_a_remote_run_that_ends_at_its_next_batch(run, host_home, capsys):
    before = {each.name for each in runs.list_local_runs()}
    left = []

    def interrupt_twice():
        (going,) = until(lambda: [it for it in runs.list_local_runs() if it.name not in before])
        until(lambda: len(going.state.epochs) > 2, is_cheap=True)
        left.append(going)
        with paused(kernels(host_home)):
            os.kill(os.getpid(), signal.SIGINT)
            until(lambda: "does not wait for it" in capsys.readouterr().out, is_cheap=True)
            os.kill(os.getpid(), signal.SIGINT)
            is_left.wait(60)

    is_left = threading.Event()
    threading.Thread(target=interrupt_twice, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="was asked to stop: it ends at its next batch on"):
        run(FOR_EVER)
    is_left.set()
    on_host = Run(there(host_home, left[0]))
    until(lambda: on_host.status == "stopped", is_cheap=True)
    ended = run(f"%attach {left[0].name}")

    assert ended.status == "stopped"
    assert (ended.path / "model.keras").exists()


def test_features_of_the_host_are_deleted_there_once_no_run_needs_them(run, host_home, trained):
    done, _ = trained

    assert "are free again" in run(f"%features --clear -y --there --model {network_of(done)}")

    assert [*(host_home / ".dl_magics" / "features").rglob("*.block")] == []


def test_a_run_is_resumed_exactly_after_its_gpu_kernel_was_killed(run, unbroken, host_home):
    run("%%gpu -o pid\nimport os\npid = os.getpid()")
    going, thread = begun(run, LONG)
    os.kill(run.shell.user_ns["pid"], signal.SIGKILL)
    thread.join(60)

    assert going.status == "interrupted"
    assert "--resume" in run.failed.fix
    run("%gpu_restart")
    resumed = run(f"%finetune --resume {going.name}")

    assert resumed.name == going.name
    assert resumed.status == "done"
    assert resumed.history == unbroken.history
    assert (going.path / log.FILE_NAME).read_bytes() == (
        there(host_home, going) / log.FILE_NAME
    ).read_bytes()


def test_a_stop_of_before_an_interruption_leaves_the_resumed_run_alone_and_a_new_one_ends_it(
    run, host_home
):
    going, thread = begun(run, FOR_EVER)
    of_this_run = kernels(host_home)
    for each in of_this_run:
        each.suspend()
    runs.stop_run(going)
    for each in of_this_run:
        each.kill()
    thread.join(60)
    assert going.status == "interrupted"
    run("%gpu_restart")

    seen = len(going.state.epochs)
    resuming = threading.Thread(
        target=lambda: _ran(run, f"%finetune --resume {going.name}"), daemon=True
    )
    resuming.start()
    until(lambda: len(going.state.epochs) > seen + 2, is_cheap=True)
    assert not stop_request.is_stop_requested(going.path)
    on_host = there(host_home, going) / stop_request.FILE_NAME
    with paused(kernels(host_home)):
        runs.request_stop(going)
        until(on_host.exists, is_cheap=True)
        on_host.unlink()  # as a host does that begins to resume it
    resuming.join(60)

    assert going.status == "stopped"


TINY = """%%gpu
import keras
keras.utils.set_random_seed(0)
tiny = keras.Sequential([
    keras.Input((32, 32, 3)),
    keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D(4, 5, strides=4, activation="relu", name="conv"),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(2, activation="softmax", name="classes"),
])"""
# After the first epoch of what is unfrozen: a kill from here may come when the run has ended.
KILLS_ITSELF = """%%gpu
import os, signal, threading, time
from pathlib import Path

def list_logs():
    return set(Path.home().glob(".dl_magics/runs/*/events.jsonl"))

def kill_after_epochs(known):
    while not any(each.read_text().count('"epoch_ended"') > 2 for each in list_logs() - known):
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=kill_after_epochs, args=[list_logs()], daemon=True).start()"""
UNFROZEN_SETTINGS = {
    "weights": "imagenet",
    "epochs": 2,
    "unfreeze": "conv",
    "unfreeze_epochs": 10,
    "patience": 10,
    "fine_learning_rate": 0.001,
}
UNFROZEN = (
    "%%finetune colours\nmodel = tiny\ndense = [8]\nbatch_size = 8\nmixed_precision = False\n"
    "heads = 1\nepochs = 2\nunfreeze = 'conv'\nunfreeze_epochs = 10\npatience = 10\n"
    "fine_learning_rate = 0.001"
)


def test_a_model_of_the_gpu_kernel_is_unfrozen_and_resumed_exactly_after_the_kernel_was_killed(
    run, host_home, tmp_path, capsys
):
    run(TINY)
    run(KILLS_ITSELF)
    before = {each.name for each in runs.list_local_runs()}
    with pytest.raises(errors.KernelDied):
        run(UNFROZEN)
    (going,) = [each for each in runs.list_local_runs() if each.name not in before]
    assert going.state.phase == "unfrozen"
    run("%gpu_restart")
    resumed = run(f"%finetune --resume {going.name}")

    # The file that was copied here is the model that was in the kernel.
    (kept,) = paths.data_folder("models").glob("*-tiny.keras")
    whole = tiny_keras.train(host_home / "colours", tmp_path, model=str(kept), **UNFROZEN_SETTINGS)
    assert resumed.status == "done"
    assert "left out are its last layers: classes" in capsys.readouterr().out
    assert len(resumed.state.epochs) == 12
    for name, values in resumed.history.items():
        assert values == [each[name] for each in tiny_keras.losses(whole)]
    assert resumed.model.count_params() > 0


def test_a_name_that_is_no_model_in_the_gpu_kernel_is_refused(run):
    run("%%gpu\nlist_of_two = [1, 2]")

    with pytest.raises(errors.BadSetting, match="in the GPU kernel it is list"):
        run("%%finetune colours\nmodel = list_of_two")
    with pytest.raises(errors.BadSetting, match="in the GPU kernel it is not defined") as refused:
        run("%%finetune colours\nmodel = VGG16")
    assert refused.value.fix == 'Strings need quotes: model = "VGG16"'


def begun_by_a_notebook_that_was_killed(cell, small):
    """Train in a process of its own, which ends after some epochs; return the run."""
    code = (
        "import threading; from IPython.core.interactiveshell import InteractiveShell;"
        "shell = InteractiveShell.instance(); shell.run_line_magic('load_ext', 'dl_magics');"
        f"shell.user_ns['small'] = {small!r}; shell.run_cell({cell!r})"
    )
    before = {each.name for each in runs.list_local_runs()}
    notebook_kernel.detach()
    notebook = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    going = until(lambda: [each for each in runs.list_local_runs() if each.name not in before])[0]
    until(lambda: len(going.state.epochs) > 2, is_cheap=True)
    notebook.kill()
    notebook.wait()
    return going


def test_a_run_is_followed_from_its_first_event_after_its_notebook_was_killed(run, small, capsys):
    cell = FOR_EVER.replace("colours", "colours --then stop", 1)
    going = begun_by_a_notebook_that_was_killed(cell, small)
    seen = going.state.n

    assert going.status == "running"
    runs.request_stop(going)
    capsys.readouterr()
    followed = run(f"%attach {going.name}").record.events

    assert [event.n for event in followed] == list(range(1, len(followed) + 1))
    assert len(followed) > seen
    assert followed[-1].status == "stopped"
    assert (going.path / "model.keras").exists()
    said = capsys.readouterr().out
    assert "epoch 1: " in said
    # Who would have stopped the instance is not there any more.
    assert re.search(r"gpu stays up, \$0\.0166/h .*then = \"stop\".*: %aws_stop i-", said)
    assert run("%aws_state") == "running"
    run(f"%attach {going.name}")
    assert "stays up" not in capsys.readouterr().out


def test_a_gpu_kernel_that_trains_is_not_ended_without_a_question_and_its_run_is_named(
    run, small, host_home, capsys
):
    run("%gpu_connect")
    going = begun_by_a_notebook_that_was_killed(FOR_EVER, small)

    for line in ("%gpu_restart", "%gpu_disconnect --end-kernel"):
        with pytest.raises(errors.NotConfirmed, match=f"interrupts the run {going.name}") as asked:
            run(line)
        assert "input is not available" in str(asked.value)
        assert asked.value.fix == "Add -y to the line to skip the confirmation."
    assert log.is_being_written(there(host_home, going))
    capsys.readouterr()
    run("%gpu_disconnect --end-kernel -y")

    assert (
        f"The run {going.name} had not ended on gpu, as far as this computer knows. "
        f"%gpu_connect gpu, then %finetune --resume {going.name} continues it."
    ) in capsys.readouterr().out
    assert going.status == "interrupted"
    run("%gpu_connect")
    run("%gpu_restart")
    assert going.name not in capsys.readouterr().out


def test_a_run_that_ended_while_its_agent_was_down_is_fetched_with_its_model(run, small, host_home):
    run("%gpu_connect")
    agent = notebook_kernel.current().client.link.status.agent.agent_pid
    going = begun_by_a_notebook_that_was_killed(FOR_EVER, small)
    os.kill(agent, signal.SIGKILL)
    end_on_host(host_home, going)

    fetched = run(f"%attach {going.name}")

    assert fetched.status == "stopped"
    assert fetched.model.count_params() > 0
    log_there = there(host_home, going) / log.FILE_NAME
    assert (going.path / log.FILE_NAME).read_bytes() == log_there.read_bytes()


def test_a_run_is_fetched_with_its_model_where_no_kernel_can_be_started_any_more(
    run, small, host_home
):
    run("%gpu_connect")
    agent = notebook_kernel.current().client.link.status.agent.agent_pid
    going = begun_by_a_notebook_that_was_killed(FOR_EVER, small)
    end_on_host(host_home, going)
    for pid in (agent, *(each.pid for each in kernels(host_home))):
        os.kill(pid, signal.SIGKILL)
    python, log_there = Path(remote_origin.load(going.path).python), there(host_home, going)
    moved = python.rename(python.with_name("moved"))
    whole = (log_there / log.FILE_NAME).read_bytes()

    (log_there / log.FILE_NAME).write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert run(f"%attach {going.name}").status == "interrupted"
    (log_there / log.FILE_NAME).write_bytes(whole)
    fetched = run(f"%attach {going.name}")

    moved.rename(python)
    assert fetched.status == "stopped"
    assert fetched.model.count_params() > 0


def test_a_run_whose_host_was_replaced_is_not_waited_for_and_is_resumed_exactly(
    run, small, unbroken, host_home
):
    run("%gpu_connect")
    going = begun_by_a_notebook_that_was_killed(LONG, small)
    # It must not come to its end before.
    for each in kernels(host_home):
        each.suspend()
    known = remote_origin.load(going.path)
    replace_kernels(host_home)
    shutil.rmtree(there(host_home, going))

    for line in ("%attach", "%attach --stop"):
        remote_origin.save(going.path, known)
        with pytest.raises(errors.NoSuchRun, match=f"gpu has no run {going.name}") as refused:
            run(line.replace("%attach", f"%attach {going.name}"))
        assert f"%runs --delete {going.name}" in refused.value.fix
    assert not kernels(host_home)  # none was started only to look
    assert going.status == "interrupted"
    assert going.name in deletion.plan_deletion([going.name]).question

    remote_origin.save(going.path, known)
    run("%gpu_connect")
    with pytest.raises(errors.NoSuchRun, match=f"gpu has no run {going.name}"):
        run(f"%attach {going.name}")
    remote_origin.save(going.path, known)
    assert "interrupted" in repr(run(f"%runs {going.name}"))
    resumed = run(f"%finetune --resume {going.name}")

    assert resumed.status == "done"
    assert resumed.history == unbroken.history


def test_what_a_run_did_while_its_agent_was_down_is_fetched(run, host_home):
    going, thread = begun(run, FOR_EVER)
    seen = len(going.state.epochs)
    os.kill(notebook_kernel.current().client.link.status.agent.agent_pid, signal.SIGKILL)
    until(lambda: len(going.state.epochs) > seen + 20, is_cheap=True)
    runs.request_stop(going)
    thread.join(60)

    assert going.status == "stopped"
    log_there = there(host_home, going) / log.FILE_NAME
    assert (going.path / log.FILE_NAME).read_bytes() == log_there.read_bytes()


def test_a_run_that_ended_while_another_host_answered_is_fetched_with_its_model(
    run, host_home, running_cloud
):
    going, thread = begun(run, FOR_EVER)
    alias = remote_origin.load(going.path).host["alias"]

    with another_host_answers(host_home, running_cloud):
        until(lambda: blocking.wait_for(connection.drop_shared(alias)) or not thread.is_alive())
        end_on_host(host_home, going)
        known = going.status
        with pytest.raises(errors.HostKeyRefused):
            run(f"%attach {going.name}")
    until(lambda: is_connected(run))
    fetched = run(f"%attach {going.name}")

    assert isinstance(run.failed, errors.HostKeyRefused)
    assert f"The rest of the run {going.name} is on gpu." in str(run.failed)
    assert f"%attach {going.name}" in run.failed.fix
    assert known == "running"
    assert fetched.status == "stopped"
    assert fetched.model.count_params() > 0
    log_there = there(host_home, going) / log.FILE_NAME
    assert (going.path / log.FILE_NAME).read_bytes() == log_there.read_bytes()


def is_connected(run):
    try:
        run("%gpu_connect")
    except errors.HostKeyRefused:
        return False
    return True


def end_on_host(host_home, run):
    """Stop a run where it trains, as its budget might, and wait until its model is there."""
    stop_request.request_stop(there(host_home, run))
    until((there(host_home, run) / "model.keras").exists)
    until(lambda: not log.is_being_written(there(host_home, run)))


@pytest.fixture
def another_computer(notebook, small, tmp_path):
    """The folder of ours on another computer with the same keys, and what a notebook there does."""
    ours = tmp_path / "another"
    shutil.copytree(notebook, ours, ignore=lambda folder, names: {"runs", "features"} & {*names})
    started = []

    def train(cell):
        code = (
            "from IPython.core.interactiveshell import InteractiveShell;"
            "shell = InteractiveShell.instance(); shell.run_line_magic('load_ext', 'dl_magics');"
            f"shell.user_ns['small'] = {small!r};"
            f"shell.run_cell('%gpu_connect'); shell.run_cell({cell!r})"
        )
        environment = {**os.environ, "DL_MAGICS_HOME": str(ours), "JPY_SESSION_NAME": "theirs"}
        command = [sys.executable, "-c", code]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment))
        (run,) = until(lambda: [*(ours / "runs").glob("*/events.jsonl")])
        return Run(run.parent), started[-1]

    yield train
    for process in started:
        process.kill()
        process.wait()


def test_a_run_of_another_computer_is_listed_watched_and_stopped(run, host_home, another_computer):
    of_this_computer = kernels(host_home)
    theirs, process = another_computer(FOR_EVER)
    until(lambda: len(theirs.state.epochs) > 2, is_cheap=True)

    with paused(kernels(host_home) - of_this_computer):
        run("%gpu_status")
        assert f"only on gpu · %attach {theirs.name}" in repr(run("%runs"))
        assert theirs.name in run("%runs")._repr_html_()
        assert "none has 'no-such-run'" in repr(run("%runs no-such-run"))
        watching = threading.Thread(target=lambda: run(f"%attach {theirs.name}"), daemon=True)
        watching.start()
        ours = Run(paths.data_folder("runs") / theirs.name)
        until(lambda: len(ours.state.epochs) > 2, is_cheap=True)
        runs.request_stop(ours)
    watching.join(60)
    process.wait(60)

    assert theirs.status == ours.status == "stopped"
    for name in (log.FILE_NAME, "model.keras"):
        assert (ours.path / name).read_bytes() == (there(host_home, ours) / name).read_bytes()
        assert (theirs.path / name).read_bytes() == (ours.path / name).read_bytes()
    assert theirs.name not in repr(run("%runs")).partition("only on gpu")[2]

    # Deleting the copy of this computer leaves the run where it was made, until that is named.
    run(f"%runs --delete {theirs.name} -y")
    assert f"only on gpu · %attach {theirs.name}" in repr(run("%runs"))
    deleted = run(f"%runs --delete {theirs.name} -y")
    assert deleted.startswith(f"Deleted on gpu: {theirs.name} (")
    assert not there(host_home, ours).exists()
    assert theirs.path.exists() is (theirs.path != there(host_home, ours))


def test_a_run_that_no_process_of_this_computer_watches_is_stopped_by_attach(run, another_computer):
    theirs, process = another_computer(FOR_EVER)
    until(lambda: len(theirs.state.epochs) > 2, is_cheap=True)

    ended = run(f"%attach {theirs.name} --stop")
    process.wait(60)

    assert ended.status == theirs.status == "stopped"
    assert (ended.path / "model.keras").exists()


def test_photos_of_s3_are_read_on_the_instance_with_its_role_and_only_once(
    run, running_cloud, host_home, tmp_path, capsys
):
    tiny_keras.photos(tmp_path / "bucket/pets", n=6)
    bucket = {"name": "pets", "folder": str(tmp_path / "bucket"), "region": "us-east-1"}
    running_cloud.send_command("bucket", bucket)
    session = context.load().session
    cell = QUICK.replace("colours", "s3://pets/pets", 1)

    with pytest.raises(errors.NoCredentials, match="has no IAM role") as refused:
        run(cell)
    id_ = context.load().resolve_instance().id
    assert f"associate-iam-instance-profile --instance-id {id_}" in refused.value.fix

    profile = make_role(session.open_client("iam", ONE_TRY), "pets-reader", "pets")
    session.change_ec2("associate_iam_instance_profile", InstanceId=id_, **profile)
    running_cloud.inject_fault("s3-denied", actions=["GetObject"])
    with pytest.raises(errors.NotAllowed, match=f"role of {id_} may not read s3://pets/pets"):
        run(cell)
    trained = run(cell)
    # A photo that is read again would be refused.
    running_cloud.inject_fault("s3-denied", actions=["GetObject"], times=99)
    capsys.readouterr()
    again = run(cell)
    running_cloud.clear_faults()
    assert "12 photos, 0.00 GB; all are on gpu" in capsys.readouterr().out
    assert len(list((host_home / ".dl_magics/s3").rglob("*.png"))) == 12
    sampled = run(f"{cell}\nsample = 2")

    assert {each.state.status for each in (trained, again, sampled)} == {"done"}
    assert sampled.state.counts["train"] == {"blue": 2, "red": 2}
    assert "12 photos, 0.00 GB; 6 are used, 6 missing on gpu" in capsys.readouterr().out
    assert not (host_home / ".aws").exists()


def test_an_ended_run_of_another_computer_is_fetched_with_its_model(run, trained):
    done, _ = trained
    kept = {name: (done.path / name).read_bytes() for name in (log.FILE_NAME, "model.keras")}
    (done.path / log.FILE_NAME).write_bytes(b"".join(kept[log.FILE_NAME].splitlines(True)[:-1]))
    origin = remote_origin.load(done.path)
    remote_origin.save(done.path, dataclasses.replace(origin, is_complete=False))
    assert f"has ended: %attach {done.name} fetches its results" in repr(run("%runs"))
    shutil.rmtree(done.path)

    again = run(f"%attach {done.name[:-3]}")

    assert again.name == done.name
    assert {name: (again.path / name).read_bytes() for name in kept} == kept
    assert (again.path / "report.html").exists()
    assert remote_origin.is_complete(again.path)


def test_a_damaged_kernel_json_is_refused(run, host_home):
    leads = host_home / ".dl_magics" / "runs" / "2026-01-01_odd" / "kernel.json"
    leads.parent.mkdir(parents=True)
    for name in (leads.name, "recipe.json", log.FILE_NAME):
        (leads.parent / name).write_text("{}")

    with pytest.raises(
        errors.DamagedRun, match=r"kernel\.json of the run 2026-01-01_odd on gpu"
    ) as refused:
        run("%attach 2026-01-01_odd")

    assert "%sync down" in refused.value.fix
    assert not (paths.data_folder("runs") / "2026-01-01_odd").exists()


@pytest.mark.parametrize("seconds", TIGHT_BUDGETS or [3600])
def test_a_run_ends_within_its_budget_and_its_model_loads(run, seconds, capsys):
    """`make budgets` gives 20 runs that would go on for ever the money of some seconds each."""
    budget = run("%aws_get gpu").dollars_per_hour * seconds / 3600
    cell = FOR_EVER if TIGHT_BUDGETS else QUICK
    capsys.readouterr()

    done = run(cell.replace("colours", f"colours --budget {budget:.6f} --seed {seconds}", 1))

    said = capsys.readouterr().out
    assert done.status == ("stopped" if TIGHT_BUDGETS else "done")
    assert 0 < done.state.dollars < budget
    assert done.model.count_params() > 0
    assert done.best["epoch"] > 0
    assert "Predicted: $" in said
    assert ("The run ends by its budget" in said) == bool(TIGHT_BUDGETS)


def test_a_run_on_a_spot_instance_is_resumed_exactly_on_another_which_it_does_not_terminate(
    run, unbroken, host_home, running_cloud, capsys
):
    cheap = run("%aws_launch t2.micro --name cheap --spot -y")
    home = host_home.parent.parent / cheap.id / "home"
    shutil.copytree(host_home / "colours", home / "colours")
    run("%gpu_connect cheap")
    run("%%gpu -o pid\nimport os\npid = os.getpid()")
    going, thread = begun(run, LONG.replace("colours", "colours --then terminate -f", 1))
    # It must not come to its end before the guard has asked for a notice.
    os.kill(run.shell.user_ns["pid"], signal.SIGSTOP)
    ended = sum(isinstance(each, EpochEnded) for each in log.read_events(there(home, going)))
    running_cloud.inject_fault("spot-notice", instance=cheap.id, seconds=15)
    until((there(home, going) / checkpoint_request.FILE_NAME).exists)
    os.kill(run.shell.user_ns["pid"], signal.SIGCONT)
    until((going.path / checkpoint.FILE_NAME).exists)
    os.kill(run.shell.user_ns["pid"], signal.SIGSTOP)
    thread.join(60)

    (warning,) = going.state.warnings
    assert warning["code"] == checkpoint_request.SPOT_NOTICE
    assert going.status == "interrupted"
    kinds = [type(each) for each in log.read_events(going.path)]
    assert kinds[kinds.index(Warned) - 1] is CheckpointSaved
    # It has each batch until the notice.
    assert checkpoint.load_checkpoint(going.path).standing.epoch > ended
    assert run("%aws_state cheap") == "stopped"
    run("%gpu_connect gpu")
    capsys.readouterr()
    resumed = run(f"%finetune --resume {going.name}")
    said = capsys.readouterr().out
    run("%aws_get gpu")
    run("%aws_terminate cheap -f")

    assert resumed.status == "done"
    assert resumed.state.resumed[0]["epoch"] > 1
    assert resumed.history == unbroken.history
    assert resumed.state.host["name"] == "gpu"
    # Only that of cheap was confirmed.
    assert run("%aws_state gpu") == "running"
    assert re.search(r"gpu stays up after the run: it trained on cheap .*: %aws_stop i-", said)


def test_a_terminate_says_first_what_is_lost_and_its_cell_says_what_trains_the_run_again(
    run, unbroken, host_home, capsys
):
    brief = run("%aws_launch t2.micro --name brief -y")
    shutil.copytree(host_home / "colours", host_home.parent.parent / brief.id / "home" / "colours")
    run("%gpu_connect brief")
    run("%%gpu -o pid\nimport os\npid = os.getpid()")
    going, thread = begun(run, LONG)
    # It must not come to its end while the terminate is on its way.
    os.kill(run.shell.user_ns["pid"], signal.SIGSTOP)
    capsys.readouterr()

    run("%aws_terminate brief -f")
    thread.join(60)

    said = capsys.readouterr().out
    assert f"what was not copied of {going.name} is lost with it" in said.partition("brief: ")[0]
    assert "brief is terminated" in str(run.failed) or "brief is shutting-down" in str(run.failed)
    assert run.failed.fix == (
        "On another instance that has its images: %gpu_connect NAME, then %finetune --resume "
        f"{going.name} trains it again, with the same results: its checkpoint was on that disk."
    )
    run("%gpu_connect gpu")
    resumed = run(f"%finetune --resume {going.name}")
    run("%aws_get gpu")
    assert resumed.history == unbroken.history


def test_a_run_of_another_computer_keeps_the_instance_up(run, host_home):
    folder = host_home / ".dl_magics" / "runs" / "2026-11-26_of_another"
    folder.mkdir(parents=True)

    with log.LogWriter(folder), pytest.raises(errors.WrongState) as refused:
        run("%aws_stop gpu --when-done")
    shutil.rmtree(folder)

    assert folder.name in str(refused.value)
    assert run("%aws_state") == "running"


def test_the_host_is_asked_which_of_its_runs_were_cut_off_where_it_is_up(run, host_home):
    host, made = notebook_kernel.current().host.to_json(), {}
    for name, ended in (("going", None), ("cut", None), ("done", RunEnded(status="done"))):
        here_ = paths.data_folder("runs") / f"2026-11-26_{name}"
        known = {"host": host, "run_folder": f".dl_magics/runs/{here_.name}", "is_complete": False}
        run_events.write_log(here_, run_events.make_events())
        remote_origin.save(here_, dataclasses.replace(run_events.ORIGIN, **known))
        made[name] = Run(here_)
        run_events.write_log(there(host_home, made[name]), run_events.make_events(ended=ended))

    with log.LogWriter(there(host_home, made["going"])):
        run("%runs")
    seen = {name: each.status for name, each in made.items()}
    for each in made.values():
        shutil.rmtree(each.path)
        shutil.rmtree(there(host_home, each))

    assert seen == {"going": "running", "cut": "interrupted", "done": "running"}


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("%finetune nowhere --then stop", errors.BadData),
        ("%finetune colours --then terminate", errors.NotConfirmed),
    ],
)
def test_an_instance_stays_up_where_its_run_does_not_begin(run, cell, error):
    with pytest.raises(error):
        run(cell)

    assert run("%aws_state") == "running"


def test_results_that_do_not_fit_on_this_disk_keep_the_instance_up_on_a_shorter_guard(run, capsys):
    with mount_small_disk(paths.data_folder("runs"), "20m"):
        for line, idle, minutes in (
            (VGG16.replace("colours", "colours --then stop", 1), "1h", 10),
            ("%aws_stop --when-done", "5", 5),
        ):
            run(f"%idle_timeout {idle}")
            capsys.readouterr()
            with pytest.raises(errors.DiskFull):
                run(line)

            said = capsys.readouterr().out
            assert "gpu stays up: %aws_stop i-" in said
            assert f"and its guard does after {minutes} idle minutes (%idle_timeout)" in said
            assert re.search(f"stops it (in )?({minutes}|{minutes - 1}) min", run("%aws_keep"))
    assert run("%aws_state") == "running"


def test_an_instance_is_stopped_when_its_run_is_done(run, capsys):
    going, thread = begun(run, FOR_EVER)
    until(lambda: going.state.epochs)

    stopping = threading.Thread(target=lambda: run("%aws_stop gpu --when-done"), daemon=True)
    stopping.start()
    time.sleep(1)
    while_it_trains = run("%aws_state")
    runs.request_stop(going)
    for each in (thread, stopping):
        each.join(60)

    assert while_it_trains == "running"
    assert f"gpu is stopped after the run {going.name}." in capsys.readouterr().out
    assert run("%aws_state") == "stopped"
    assert going.model.count_params() > 0


@contextmanager
def cell_of_another_notebook(run, host_home, monkeypatch):
    """Let a cell of second.ipynb run on the instance."""
    mine, finish = os.environ["JPY_SESSION_NAME"], host_home / "finish"
    monkeypatch.setenv("JPY_SESSION_NAME", "second.ipynb")
    run("%gpu_connect gpu")
    theirs = notebook_kernel.current().client
    waiting = (
        "import pathlib, time\nwhile not pathlib.Path('finish').exists():\n    time.sleep(0.1)"
    )
    run(f"%%gpu --background\n{waiting}")
    monkeypatch.setenv("JPY_SESSION_NAME", mine)
    yield
    finish.touch()
    until(lambda: theirs.state == "idle")
    finish.unlink()


def test_a_cell_of_another_notebook_keeps_the_instance_up(
    run, started_again, host_home, monkeypatch, capsys
):
    with cell_of_another_notebook(run, host_home, monkeypatch):
        for line in (QUICK.replace("colours", "colours --then stop", 1), "%aws_stop --when-done"):
            capsys.readouterr()
            with pytest.raises(errors.WrongState, match=r"cell of second\.ipynb runs") as refused:
                run(line)
            assert "%aws_stop i-" in refused.value.fix
            assert "gpu stays up: %aws_stop i-" in capsys.readouterr().out
        assert run("%aws_state") == "running"

    run("%aws_stop --when-done")
    assert run("%aws_state") == "stopped"


def test_a_run_that_may_be_on_a_stopped_instance_is_not_said_to_be_nowhere(run):
    run("%aws_stop")

    with pytest.raises(errors.NoSuchRun, match="gpu is stopped") as refused:
        run("%attach of-another-computer")

    assert "%aws_start" in refused.value.fix


@pytest.fixture
def started_again(run):
    """The instance, which a test before has stopped, runs and is connected."""
    run("%aws_start -y")
    run("%gpu_connect")


def test_an_instance_stops_once_the_model_is_here_and_prints_its_receipt(
    run, started_again, capsys
):
    done = run(f"{QUICK.replace('colours', 'colours --then stop', 1)}\ndropout = 0.2")

    said = capsys.readouterr().out
    assert run("%aws_state") == "stopped"
    assert done.model.count_params() > 0
    assert "gpu: stopped" in said
    assert "while stopped the disk costs" in said
    assert done.state.dollars > 0
    assert done.record.events[-1].dollars == pytest.approx(done.state.dollars)
    assert done.record.events[-1].price_day in said


def test_after_a_stop_of_its_instance_a_run_shows_what_is_here_and_says_what_needs_no_instance(
    run, started_again, trained, tmp_path, capsys
):
    done, _ = trained
    there_, fixes = run(f"%confusion --run {done.name}").evaluation, {}
    run("%aws_stop")
    capsys.readouterr()

    shown = run(f"%confusion --run {done.name}")
    assert shown.evaluation.photos == there_.photos
    assert run(f"%most_confused --run {done.name}").pairs == there_.most_confused()
    assert f"Shows the predictions that {done.name} made there before." in capsys.readouterr().out
    for folder in ("FOLDER", "colours"):
        with pytest.raises(errors.WrongState, match="gpu is stopped") as refused:
            run(f"%top_losses --run {done.name}")
        fixes[folder] = refused.value.fix
        tiny_keras.photos(tmp_path / "colours", n=6)

    for folder, fix in fixes.items():
        assert fix == (
            f"%top_losses --run {done.name} --data {folder} uses the images of this computer · "
            "on gpu: %aws_start gpu, then repeat"
        )
    assert len(run(fixes["colours"].partition(" uses ")[0])) == len(there_.photos)


def test_a_run_that_nobody_watches_is_named_where_a_stop_cuts_it_off_and_is_found_and_resumed(
    run, started_again, small, unbroken, host_home, capsys
):
    going = begun_by_a_notebook_that_was_killed(LONG, small)
    # It must not come to its end while the stop is on its way.
    for each in kernels(host_home):
        each.suspend()
    capsys.readouterr()

    run("%aws_stop")
    assert f"%finetune --resume {going.name}" in capsys.readouterr().out
    assert going.status == run("%attach").status == "interrupted"
    (row,) = (each for each in repr(run("%runs")).splitlines() if each.startswith(going.name))
    assert "interrupted" in row
    with pytest.raises(errors.WrongState, match="gpu is stopped"):
        run("%finetune --resume")

    run("%aws_start -y")
    run("%gpu_connect")
    resumed = run("%finetune --resume")

    assert resumed.name == going.name
    assert resumed.status == "done"
    assert resumed.history == unbroken.history


def test_a_run_whose_model_is_on_the_instance_only_is_neither_lost_nor_forgotten(
    trained, run, started_again, host_home, capsys
):
    done, _ = trained
    keep_only(host_home, done)
    model = done.path / "model.keras"
    whole = model.read_bytes()
    model.unlink()  # as where its copy has failed

    with pytest.raises(errors.WrongState, match=f"on its disk only: {done.name}") as refused:
        run(QUICK.replace("colours", "colours --then terminate -f", 1))
    assert f"%attach {done.name}" in refused.value.fix
    assert run("%aws_state") == "running"
    run(f"%attach {done.name}")
    assert model.read_bytes() == whole
    model.write_bytes(whole[:-1])
    capsys.readouterr()
    run(f"%attach {done.name}")
    assert f"model.keras of the run {done.name} was not here, or dam" in capsys.readouterr().out
    assert model.read_bytes() == whole

    model.unlink()
    run("%aws_stop --when-done")
    assert run("%aws_state") == "stopped"
    assert done.model.count_params() > 0
    model.unlink()
    with pytest.raises(errors.WrongState, match=f"model.keras of the run {done.name} is not here"):
        run(f"%attach {done.name}")
    model.write_bytes(whole)


def keep_only(host_home, *kept):
    """Delete the other runs of an instance: one that is on its disk only would keep it."""
    for folder in (host_home / ".dl_magics" / "runs").iterdir():
        if folder.name not in {each.name for each in kept}:
            shutil.rmtree(folder)


def test_a_run_is_resumed_exactly_after_its_instance_was_stopped_and_terminates_it(
    run, started_again, unbroken, host_home, capsys
):
    keep_only(host_home)
    run("%%gpu -o pid\nimport os\npid = os.getpid()")
    going, thread = begun(run, LONG.replace("colours", "colours --then terminate -f", 1))
    # It must not come to its end while the stop is on its way.
    os.kill(run.shell.user_ns["pid"], signal.SIGSTOP)

    run("%aws_stop")
    thread.join(60)
    assert going.status == "interrupted"
    assert "--resume" in run.failed.fix
    run("%aws_start -y")
    run("%gpu_connect")
    log_there = there(host_home, going) / log.FILE_NAME
    capsys.readouterr()
    resumed = run(f"%finetune --resume {going.name}")

    assert resumed.status == "done"
    assert resumed.history == unbroken.history
    assert resumed.model.count_params() > 0
    assert re.search("gpu: (shutting-down|terminated)", capsys.readouterr().out)
    assert [each for each in context.load().ec2.list_instances() if not each.gone] == []
    assert not log_there.exists()
