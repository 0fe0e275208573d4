"""Bring the photos of a bucket into a folder of this computer, and keep it as the bucket is.

The functions are called on a host by remote_code: their arguments and results are JSON values. On
this computer they get the access of the selected profile.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dl_magics.data.s3 import draws
from dl_magics.data.s3.access import CONNECTIONS, S3Access, open_access
from dl_magics.data.s3.address import S3Address, parse_address
from dl_magics.data.s3.bucket import Bucket
from dl_magics.data.s3.index import Missing, ObjectIndex
from dl_magics.errors import BadData, DiskFull
from dl_magics.store import private
from dl_magics.text import escape_controls

_HOST_HOME = "~/.dl_magics/s3"
_AT_ONCE = 256
_MOST_NAMED = 5
# A full disk stops more than a run.
_LEFT_FREE = 2 * 10**9


def list_photos(
    data: str,
    home: str = "",
    instance: str = "",
    access: S3Access | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare the folder of an address with what its bucket lists; files that are gone are deleted.

    Returns {"path", "photos", "bytes", "needed", "missing", "draw", "left_out"}: the folder, on a
    host as `%sync` names it, below the home folder; how many photos the bucket has, how many of
    them a run needs, how many of these are to be read, what `read_photos` reads, and some of the
    keys that cannot be files, with the reason.
    `home` contains the folders; "" is that of a host. On an EC2 instance `instance` is its id:
    then its role reads the bucket. `settings` are the `valid`, `sample` and `seed` of a run, which
    needs all photos without a sample; None reads all of them without a look at their folders.

    Raises
    ------
    BadData
        where there is no photo, or their folders cannot be trained on.
    DiskFull
        where the disk has too little space for what is to be read.
    """
    address = parse_address(data)
    folder = _folder(address, home)
    bucket = Bucket(address, access or open_access(instance))
    photos_folder = folder / address.data_name
    with ObjectIndex.open(folder) as index:
        left_out = index.replace_listing(address.prefix, bucket.list_objects())
        for name in index.take_gone():
            _remove(photos_folder, name)
        index.forget_lost(photos_folder)
        photos, size = index.count()
        if not photos:
            raise _make_empty_error(address, bucket, left_out)
        private.ensure_folder(photos_folder)
        drawn = draws.draw_photos(address, photos_folder, index, settings) if settings else ""
        needed, _ = index.count(drawn)
        missing, missing_size = index.count_missing(drawn)
    _require_space(address, folder, missing_size)
    return {
        "path": str(photos_folder if home else photos_folder.relative_to(Path.home())),
        "photos": photos,
        "bytes": size,
        "needed": needed,
        "missing": missing,
        "draw": drawn,
        "left_out": left_out,
    }


def read_photos(
    data: str,
    home: str = "",
    instance: str = "",
    access: S3Access | None = None,
    draw: str = "",
    seconds: float = 10.0,
) -> dict[str, Any]:
    """Read photos that `list_photos` found missing, for some seconds; return {"missing": number}.

    It is called with the `draw` of `list_photos` until none is missing. What was read stays,
    however a call ends.
    """
    address = parse_address(data)
    folder = _folder(address, home)
    bucket = Bucket(address, access or open_access(instance))
    end = time.monotonic() + seconds
    with ObjectIndex.open(folder) as index, ThreadPoolExecutor(CONNECTIONS) as pool:
        while missing := index.list_missing(_AT_ONCE, draw):
            index.note_stored(pool.map(_reader(bucket, folder / address.data_name), missing))
            if time.monotonic() > end:
                break
        return {"missing": index.count_missing(draw)[0]}


def _remove(folder: Path, name: str) -> None:
    """Remove a file, and the folders that are empty without it: their names may become files."""
    path = folder / name
    if path.is_file():
        path.unlink()
    with suppress(OSError):
        while (path := path.parent) != folder:
            path.rmdir()


def _reader(bucket: Bucket, folder: Path) -> Callable[[Missing], tuple[str, str | None, int]]:
    def read(each: Missing) -> tuple[str, str | None, int]:
        path = folder / each.name
        path.parent.mkdir(mode=private.FOLDER_MODE, parents=True, exist_ok=True)
        if found := bucket.read_object(each.key, path):
            return each.name, *found
        path.unlink(missing_ok=True)
        return each.name, None, 0

    return read


def _folder(address: S3Address, home: str) -> Path:
    top = Path(home or _HOST_HOME).expanduser()
    private.ensure_folder(top.parent)
    return private.ensure_folder(private.ensure_folder(top) / address.folder_name)


def _make_empty_error(address: S3Address, bucket: Bucket, left_out: dict[str, str]) -> BadData:
    some = "".join(f" {escape_controls(key)}: {why}." for key, why in left_out.items())
    beside = {each.prefix.split("/")[-2]: str(each) for each in bucket.list_folders_beside()}
    last = address.prefix.rstrip("/").rpartition("/")[2]
    fix = f"aws s3 ls {address}/ shows what it has: one folder per class."
    if near := get_close_matches(last, beside.keys() - {last}, n=1):
        fix = f"Did you mean {escape_controls(beside[near[0]])}?"
    elif beside and last not in beside:
        fix = f"There are: {escape_controls(', '.join(list(beside.values())[:_MOST_NAMED]))}"
    return BadData(f"{address} has no photos.{some}", fix=fix)


def _require_space(address: S3Address, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free - _LEFT_FREE
    if needed > free:
        raise DiskFull(
            f"{address} has {needed / 1e9:,.2f} GB to be read into {folder}: "
            f"{max(free, 0) / 1e9:,.2f} GB may be used.",
            fix=f"Free some space: each folder in {folder.parent} is a copy of a bucket and may be "
            "deleted · or launch with a larger disk: %aws_launch --disk GB",
        )
