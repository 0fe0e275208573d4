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
        ("augment = 2", "# The run also trains on 2 augmented copies of each image"),
        ("def augment(image, random):\n    return image", "# In each epoch the run trains on what"),
        ("epochs = 1", "# The frozen part"),
    ],
)
def test_the_script_says_what_it_does_not_augment(tmp_path, cell, said):
    data = folder(tmp_path / "photos", ("",))

    script = explain.write_script(parse_cell(str(data), cell, {}))

    assert next(line for line in script.splitlines() if line.startswith("#")).startswith(said)


@pytest.mark.parametrize(
    ("parts", "line", "cell"),
    [
        (
            ("",),
            "--model VGG16 --heads 2 --class_weight balanced --unfreeze block5 --unfreeze-epochs 2",
            "",
        ),
        (("train", "valid"), "--model MobileNetV2 --pooling max", CELL),
    ],
)
def test_the_script_of_explain_runs_with_keras_alone_and_saves_a_model(tmp_path, parts, line, cell):
    data = folder(tmp_path / "photos", parts)
    line = f"{data} --weights None --image-size 32 --epochs 2 --batch_size 4 {line}"

    script = explain.write_script(parse_cell(line, cell, {"width": 7}))

    assert "dl_magics" not in script
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Epoch 2/2" in done.stdout
    assert (tmp_path / "model.keras").is_file()
