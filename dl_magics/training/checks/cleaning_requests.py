"""What `%clean_images` does where the images are: in this process, or on a host.

The arguments and the results are JSON values. Nothing here needs Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dl_magics.data import layout, previews
from dl_magics.data.cleaning import journal, steps
from dl_magics.data.quality.parts import find_parts
from dl_magics.training.checks import label_check

MOST_PICTURES = 60
_SIDE = 136


def list_doubtful(path: str, features: str) -> dict[str, Any]:
    """Return the images of a folder whose label is doubtful, most doubtful first.

    `features` is the folder of the feature store.
    """
    parts = find_parts(Path(path).expanduser())
    items, note = label_check.check_labels(parts, Path(features).expanduser())
    labels = {each.path: each.label for each in parts.files}
    return {
        "root": str(parts.root),
        "classes": sorted({label for _, label in parts.folders}),
        "photos": [[each.path, labels[each.path], each.detail] for each in items],
        "note": note,
    }


def list_steps(root: str) -> dict[str, Any]:
    """Return what was decided about the images of a folder and was not undone: {"steps": […]}."""
    return {"steps": list(map(asdict, journal.read_steps(layout.require_folder(root))))}


def take_step(root: str, action: str, path: str, label: str, to: str) -> dict[str, Any]:
    """Do what was decided about an image; return the step."""
    return asdict(steps.take_step(root, action, path, label, to))


def undo_step(root: str, path: str) -> dict[str, Any]:
    """Undo the last step, or the last one of an image; return it, {} where there was none."""
    undone = steps.undo_step(root, path)
    return asdict(undone) if undone else {}


def draw_pictures(root: str, paths: Sequence[str]) -> dict[str, str]:
    """Return small pictures of images by path, JPEG in base64; "" for what cannot be read."""
    folder = Path(root)
    return {each: previews.encode_picture(folder / each, _SIDE) for each in paths[:MOST_PICTURES]}
