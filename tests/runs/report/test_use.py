"""The lines that use a model without dl_magics, on files whose pixels are not all to be seen."""

from __future__ import annotations

import contextlib
import html
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dl_magics.runs.report.use import describe_use
from dl_magics.training.run import Run

README = Path(__file__).parents[3] / "README.md"


def save_turned(path, orientation):
    """Save a red and blue photo as a camera that is held on its side does."""
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[:, :200], pixels[:, 200:] = (190, 50, 40), (40, 50, 190)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def save_transparent(path):
    """Save a red square on nothing, below which the file has blue."""
    pixels = np.full((50, 40, 4), (40, 50, 190, 0), np.uint8)
    pixels[10:40, 10:30] = (190, 50, 40, 255)
    Image.fromarray(pixels).save(path, format="png")


FILES = {
    "a photo on its side": lambda path: save_turned(path, 6),
    "a photo upside down": lambda path: save_turned(path, 3),
    "a transparent image": save_transparent,
    "a palette": lambda path: Image.new("P", (60, 40), 3).save(path, "gif"),
    "print colours": lambda path: Image.new("CMYK", (60, 40), (9, 99, 200, 20)).save(path, "jpeg"),
}


@pytest.mark.parametrize("source", ["report", "README"])
def test_the_lines_predict_what_the_run_predicts(evaluated_room, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(evaluated_room / "runs/run")
    shutil.copy(run.path / "model.keras", ".")
    if source == "report":
        code = html.unescape(re.search("<pre>(.*)</pre>", describe_use(run.state), re.S)[1])
    else:
        (code,) = re.findall(r"```python\n(import json, .*?)```", README.read_text("utf-8"), re.S)
    for name, save in FILES.items():
        save(Path("image.jpg"))
        names: dict = {}

        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, source, "exec"), names)

        (wanted,) = run.predict("image.jpg")
        found = dict(zip(names["classes"], names["probabilities"].tolist(), strict=True))
        assert found == pytest.approx(wanted.probabilities, abs=0.02), name
