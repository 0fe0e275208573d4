from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dl_magics.training import explain
from dl_magics.training.recipe.cell_parser import parse_cell

CELL = """
heads = 1
optimizer = {"class_name": "sgd", "config": {"momentum": 0.9}}
weight_decay = 0.01
label_smoothing = 0.1
class_weight = {"dark": 2}

def head(features):
    return layers.Dense(width)(features)
"""

LINE = "--weights None --image-size 32 --epochs 2"
SCRIPTS = {
    "vgg": (
        ("",),
        # It trains on 10 images; TensorFlow would trace a smaller last batch on its own.
        "--model VGG16 --heads 2 --class_weight balanced --unfreeze block5 --unfreeze-epochs 2 "
        "--batch_size 5",
        "",
    ),
    "mobilenet": (("train", "valid"), "--model MobileNet --pooling max --batch_size 4", CELL),
}

TRY = """
import os, runpy, sys, traceback
from contextlib import redirect_stdout

for folder in sys.argv[1:]:
    os.chdir(folder)
    with open("output.txt", "w") as output, redirect_stdout(output):
        try:
            runpy.run_path("script.py")
            print("ran to its end")
        except Exception:
            traceback.print_exc(file=output)
assert "dl_magics" not in sys.modules
"""


def folder(at, parts):
    for part in parts:
        for label in ("dark", "light"):
            for n in range(6):
                path = at / part / label / f"{n}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                shade = 30 if label == "dark" else 220
                pixels = np.random.default_rng(n).integers(shade - 20, shade + 20, (40, 52, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return at


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("augment = 2", "# The run also draws from 2 augmented copies of each image"),
        ("def augment(image, random):\n    return image", "# In each epoch the run trains on what"),
        ("sample = 2", "# The run trains on 2 images of each class, its sample; this script"),
        ("epochs = 1", "# The frozen part"),
    ],
)
def test_the_script_says_what_it_leaves_out(tmp_path, cell, said):
    data = folder(tmp_path / "photos", ("",))

    script = explain.write_script(parse_cell(str(data), cell, {}))

    assert next(line for line in script.splitlines() if line.startswith("#")).startswith(said)


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """The folders of the scripts, which ran in one process: the import of Keras takes a while."""
    folders = {}
    for name, (parts, line, cell) in SCRIPTS.items():
        folders[name] = at = tmp_path_factory.mktemp(name)
        line = f"{folder(at / 'photos', parts)} {LINE} {line}"
        (at / "script.py").write_text(explain.write_script(parse_cell(line, cell, {"width": 7})))
    subprocess.run([sys.executable, "-c", TRY, *folders.values()], check=True)
    return folders


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_of_explain_runs_with_keras_alone_and_saves_a_model(tried, name):
    assert "dl_magics" not in (tried[name] / "script.py").read_text()
    output = (tried[name] / "output.txt").read_text()
    assert output.endswith("ran to its end\n"), output[-2000:]
    assert "Epoch 2/2" in output
    assert (tried[name] / "model.keras").is_file()
