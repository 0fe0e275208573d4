"""Which photos of a bucket a run needs, found by their names before one of them is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dl_magics.data import folders, layout
from dl_magics.data.s3.address import S3Address
from dl_magics.data.s3.index import ObjectIndex
from dl_magics.errors import BadData
from dl_magics.store import private


def draw_photos(
    address: S3Address, folder: Path, index: ObjectIndex, settings: Mapping[str, Any]
) -> str:
    """Note in the index which photos a run needs; return the name of the draw, "" for all photos.

    An empty file takes the place of each photo that is not there, so that the run divides and
    samples the names that the bucket has. `sample` leaves out training and validation images only.
    `settings` are arguments of `find_images`.

    Raises
    ------
    BadData
        where the folders cannot be trained on.
    """
    _create_files(folder, index.list_names(never_stored=True))
    try:
        found = folders.find_images(folder, **settings)
    except BadData as error:
        happened, fix = (
            text.replace(str(folder), str(address)) for text in (str(error), error.fix)
        )
        raise BadData(happened, fix=fix) from error
    if settings["sample"] is None:
        return ""
    draw = json.dumps(settings, sort_keys=True)
    index.replace_draw(draw, _select_needed(folder, found, index.list_names()))
    return draw


def _create_files(folder: Path, names: Iterable[str]) -> None:
    above = None
    for name in names:
        path = folder / name
        if path.exists():
            continue
        if path.parent != above:
            above = path.parent
            above.mkdir(mode=private.FOLDER_MODE, parents=True, exist_ok=True)
        private.touch(path)


def _select_needed(folder: Path, found: folders.ImageFolder, names: Iterable[str]) -> Iterator[str]:
    parts = tuple(
        "" if part == folder else f"{part.relative_to(folder).as_posix()}/"
        for part in layout.find_train_and_valid(folder)
    )
    drawn = {*found.train.names, *found.valid.names}
    return (name for name in names if name in drawn or not name.startswith(parts))
