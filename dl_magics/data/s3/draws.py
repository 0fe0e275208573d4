"""The photos that a sample takes of a bucket, found by their names before one of them is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dl_magics.data import folders, layout
from dl_magics.data.image_files import ImageFiles
from dl_magics.data.s3 import index_errors
from dl_magics.data.s3.address import S3Address
from dl_magics.data.s3.index import ObjectIndex, S3Object
from dl_magics.errors import BadData, DiskFull

UNFINISHED = "unfinished-"
"""What the names of temporary folders begin with."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The objects of a sample, with the names of their files: `train/cats/1.jpg`.

    `photos` and `bytes` are those of all objects, `left_out` some that cannot be files, and why.
    """

    objects: tuple[tuple[str, S3Object], ...]
    photos: int
    bytes: int
    left_out: dict[str, str]


def name_draw(settings: Mapping[str, Any] | None) -> str:
    """Return what names the sample of a run; "" for a run that needs all photos.

    `settings` are its `valid`, `sample` and `seed`.
    """
    if not settings or settings["sample"] is None:
        return ""
    return json.dumps(dict(settings), sort_keys=True)


def draw_objects(
    address: S3Address,
    folder: Path,
    objects: Iterable[tuple[str, S3Object]],
    settings: Mapping[str, Any],
) -> Draw:
    """Return the objects that a run trains and is validated on: those of a copy of the bucket.

    Empty files in a temporary folder, below `folder`, stand for the photos. Test images are left
    out. Raises BadData where the folders of the bucket cannot be trained on.
    """
    try:
        with (
            TemporaryDirectory(prefix=UNFINISHED, dir=folder) as temporary,
            ObjectIndex.open(Path(temporary)) as index,
        ):
            left_out = index.replace_listing(objects)
            photos, size = index.count()
            top = Path(temporary) / address.data_name
            drawn = _draw(address, top, index, settings) if photos else ()
            return Draw(tuple(drawn), photos, size, left_out)
    except DiskFull as error:
        raise index_errors.explain_full(folder) from error


def _draw(
    address: S3Address, top: Path, index: ObjectIndex, settings: Mapping[str, Any]
) -> Iterator[tuple[str, S3Object]]:
    above = None
    for name in index.list_names():
        path = top / name
        if path.parent != above:
            above = path.parent
            above.mkdir(parents=True, exist_ok=True)
        path.touch()
    try:
        found = folders.find_images(top, **settings)
    except BadData as error:
        happened, fix = (text.replace(str(top), str(address)) for text in (str(error), error.fix))
        raise BadData(happened, fix=fix) from error
    teaching, checking = layout.find_train_and_valid(top)
    for part, files, classes in (
        ("train", found.train, teaching),
        ("valid", found.valid, checking),
    ):
        yield from _name(part, files, classes, index)


def _name(
    part: str, files: ImageFiles, classes: Path, index: ObjectIndex
) -> Iterator[tuple[str, S3Object]]:
    for name in files.names:
        inside = (files.folder / name).relative_to(classes).as_posix()
        yield f"{part}/{inside}", index.find_object(name)
