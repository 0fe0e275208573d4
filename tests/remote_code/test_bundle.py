from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile

import pytest
from PIL import Image

from dl_magics import version
from dl_magics.remote_code import bundle
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from support import startup, tiny_keras

# What an instance lacks, and what would be of this computer.
LACKS = ("asyncssh", "boto3", "botocore", "moto", "ipywidgets", "anywidget", "IPython")
LACKS += ("simplejpeg", "jupyter_core", "matplotlib", "filelock", "traitlets")

BEGIN = f"""
import sys
for name in {LACKS!r}:
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
import dl_magics
assert dl_magics.__file__.startswith(sys.argv[1]), dl_magics.__file__
"""
IMPORT = (
    BEGIN
    + """
import importlib, zipfile
names = [name[:-3].replace("/", ".") for name in zipfile.ZipFile(sys.argv[1]).namelist()
         if name.endswith(".py")]
# What Theano's own interpreter runs imports Theano.
names = [name for name in names if "keras1" not in name and not name.endswith("theano.site")]
for name in names:
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert module.__file__.startswith(sys.argv[1]), module.__file__
heavy = {"keras", "tensorflow", "jax", "torch"}
assert not heavy & sys.modules.keys()
ours = {name.split(".")[1] for name in sys.modules if name.startswith("dl_magics.")}
print(len(dl_magics.training.recipe.applications.APPLICATIONS), *sorted(ours))
"""
)
TRAIN = (
    BEGIN
    + f"import runpy; runpy.run_path({str(startup.SITE_CUSTOMIZE)!r})"
    + """
import json
from dl_magics.training import kernel_run
recipe, folder = json.loads(sys.argv[2]), sys.argv[3]
def send(event):
    line = open(folder + "/run/events.jsonl", encoding="utf-8").read().splitlines()[-1]
    assert json.loads(line) == json.loads(json.dumps(event)), line
    print(event["n"], event["kind"], flush=True)
run = kernel_run.run_and_send(recipe, folder + "/run", features=folder + "/features",
                weights=folder + "/weights", host={"name": "gpu"}, send=send)
assert type(run).__module__ == "dl_magics.training.run"
assert run.predict(recipe["data"] + "/red").skipped == {}
print("ended", run.status, run.path.name)
"""
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return bundle.write_bundle(tmp_path_factory.mktemp("packed"))


def away(code, *arguments, cwd):
    """Run code in an interpreter of its own, as on an instance: nothing of ours but the zip."""
    return subprocess.run(
        [sys.executable, "-I", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def test_the_same_content_makes_the_same_zip(packed, tmp_path):
    again = bundle.write_bundle(tmp_path / "new")

    assert again.name == packed.name
    assert again.read_bytes() == packed.read_bytes()
    assert [each.name for each in again.parent.iterdir()] == [packed.name]


def test_its_name_says_the_version_and_its_sum(packed):
    sha256 = hashlib.sha256(packed.read_bytes()).hexdigest()
    assert packed.name == f"dl_magics-{version.__version__}-{sha256[:12]}.zip"


def test_packed_twice_into_a_folder_there_is_one(tmp_path):
    assert bundle.write_bundle(tmp_path) == bundle.write_bundle(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_it_holds_what_trains_and_nothing_else(packed):
    names = zipfile.ZipFile(packed).namelist()

    assert names == sorted(names)
    (unpack,) = [name for name in names if "/" not in name]
    assert unpack == f"{bundle.UNPACK}.py"
    tops = {name.split("/")[1] for name in names if name != unpack}
    packages = {"core", "data", "keras_config", "remote_code", "runs", "store", "training"}
    assert tops == {*packages, "__init__.py", "errors.py", "text.py", "version.py"}
    assert "dl_magics/training/recipe/applications.csv" in names
    inside = [name for name in names if name.startswith("dl_magics/store/")]
    assert inside == [f"dl_magics/store/{name}.py" for name in ("__init__", "atomic", "private")]
    assert not [name for name in names if "__pycache__" in name]


def test_it_imports_where_nothing_else_of_ours_is(packed, tmp_path):
    done = away(IMPORT, packed, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "40",
        "core",
        "data",
        "errors",
        "keras_config",
        "remote_code",
        "runs",
        "store",
        "text",
        "training",
        "version",
    ]


def test_it_fine_tunes_where_nothing_else_of_ours_is(packed, tmp_path):
    data = tiny_keras.photos(tmp_path / "photos", n=6)
    for path in data.rglob("*.png"):
        with Image.open(path) as picture:
            picture.save(path.with_suffix(".jpg"))
        path.unlink()
    recipe = json.dumps(tiny_keras.recipe(data).to_json())

    done = away(TRAIN, packed, recipe, tmp_path, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    *events, last = done.stdout.splitlines()
    assert last == "ended done run"
    assert [line.split()[0] for line in events] == [str(n + 1) for n in range(len(events))]
    run = Run(tmp_path / "run")
    assert run.state.host == {"name": "gpu"}
    assert Recipe.from_json(
        json.loads((run.path / "recipe.json").read_text())
    ) == tiny_keras.recipe(data)
    assert "val_accuracy" in (run.path / "report.html").read_text("utf-8")
    (space,) = (tmp_path / "features").glob("*/space.json")
    assert json.loads(space.read_text())["decoder"] == "2 of Pillow alone"
