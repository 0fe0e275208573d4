"""The images of an evaluation that a report shows: the most confident errors, as small pictures.

They are chosen and drawn where the images are, and travel as `evaluation/examples.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from dl_magics.core.picture import read_picture
from dl_magics.runs import evaluation
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.store import atomic
from dl_magics.text import escape_controls

FILE_NAME = f"{evaluation.FOLDER}/examples.json"
MOST = 12
MAX_BYTES = 2**21


def choose_examples(found: Evaluation) -> list[PhotoPrediction]:
    """Return the images that the model is wrong about, the surest first."""
    wrong = [each for each in found.labelled if not each.is_right]
    return sorted(wrong, key=lambda each: (-each.probability, each.path))[:MOST]


def write_pictures(folder: Path, pictures: Mapping[str, str]) -> Path:
    """Write pictures {path: JPEG in base64} into the folder of their run, in one step."""
    return atomic.replace(folder / FILE_NAME, json.dumps(dict(pictures)) + "\n")


def read_pictures(folder: Path) -> dict[str, str]:
    """Return the pictures in the folder of a run; without those that are not small JPEGs."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            sent = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return check_pictures(sent)


def check_pictures(sent: Any) -> dict[str, str]:
    """Return those of the pictures {path: base64} that a page may show."""
    if not isinstance(sent, Mapping):
        return {}
    return {
        path: each for path, each in sent.items() if isinstance(path, str) and read_picture(each)
    }


def draw_examples(examples: Sequence[PhotoPrediction], pictures: Mapping[str, str]) -> str:
    """Return the images with what they are and what the model says they are."""
    return "".join(
        f"<figure>{_draw_picture(each, pictures.get(each.path, ''))}<figcaption>"
        f"<b>{_text(each.predicted)}</b> {100 * each.probability:.1f} %<br>"
        f"labelled {_text(each.truth or '')}<br><small>{_text(each.path)}</small>"
        "</figcaption></figure>"
        for each in examples
    )


def _draw_picture(photo: PhotoPrediction, picture: str) -> str:
    if not picture:
        return '<div class="missing">no picture</div>'
    return f'<img src="data:image/jpeg;base64,{picture}" alt="{_text(photo.path)}">'


def _text(value: str) -> str:
    return escape(escape_controls(value))
