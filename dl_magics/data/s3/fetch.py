"""Bring the photos of a bucket into a folder of this computer, and keep it as the bucket is.

The functions are called on a host by remote_code: their arguments and results are JSON values. On
this computer they get the access of the selected profile.
"""

from __future__ import annotations

import errno
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dl_magics.data.s3 import draws, index_errors
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
_FULL = (errno.ENOSPC, errno.EDQUOT)
_OLD_SECONDS = 3600.0


def list_photos(
    data: str,
    home: str = "",
    instance: str = "",
    access: S3Access | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Compare the folder of an address with what its bucket lists; files that are gone are deleted.

    Returns {"path", "photos", "bytes", "needed", "missing", "left_out"}: the folder, on a host as
    `%sync` names it, below the home folder; how many photos the bucket has, how many of them the
    run needs, how many of these are to be read, and some of the keys that cannot be files, with the
    reason.
    `home` contains the folders; "" is that of a host. On an EC2 instance `instance` is its id:
    then its role reads the bucket. `settings` are the `valid`, `sample` and `seed` of the run: each
    sample has a folder of its own, with `train` and `valid`.

    Raises
    ------
    BadData
        where there is no photo, or a sample cannot be drawn of the folders of the bucket.
    DiskFull
        where the disk has too little space for what is to be read.
    """
    address, draw = parse_address(data), draws.name_draw(settings)
    folder = _folder(address, home, draw)
    bucket = Bucket(address, access or open_access(instance))
    photos_folder = folder / address.data_name
    with _convert_full_disk(folder), ObjectIndex.open(folder) as index:
        _remove_unfinished(folder)
        if photos_folder.exists() and any(photos_folder.iterdir()) and not index.count()[0]:
            raise index_errors.set_aside(folder, "it is empty")
        listed = ((each.key.removeprefix(address.prefix), each) for each in bucket.list_objects())
        drawn = draws.draw_objects(address, folder, listed, settings) if draw and settings else None
        left_out = index.replace_listing(drawn.objects if drawn else listed)
        for name in index.take_gone():
            _remove(photos_folder, name)
        index.forget_lost(photos_folder)
        needed, size = index.count()
        missing, missing_size = index.count_missing()
    if drawn:
        size, left_out = drawn.bytes, drawn.left_out
    if not needed:
        raise _make_empty_error(address, bucket, left_out)
    _require_space(address, folder, missing_size)
    private.ensure_folder(photos_folder)
    return {
        "path": str(photos_folder if home else photos_folder.relative_to(Path.home())),
        "photos": drawn.photos if drawn else needed,
        "bytes": size,
        "needed": needed,
        "missing": missing,
        "left_out": left_out,
    }


def read_photos(
    data: str,
    home: str = "",
    instance: str = "",
    access: S3Access | None = None,
    settings: dict[str, Any] | None = None,
    seconds: float = 10.0,
) -> dict[str, Any]:
    """Read photos that `list_photos` found missing, for some seconds.

    Returns {"missing", "gone"}: how many are still to be read, and how many are not in the bucket
    any more. It is called until none is missing. What was read stays, however a call ends.
    """
    address = parse_address(data)
    folder = _folder(address, home, draws.name_draw(settings))
    bucket = Bucket(address, access or open_access(instance))
    end, gone = time.monotonic() + seconds, 0
    with (
        _convert_full_disk(folder),
        TemporaryDirectory(prefix=draws.UNFINISHED, dir=folder) as unfinished,
        ObjectIndex.open(folder) as index,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        read = _reader(bucket, folder / address.data_name, Path(unfinished))
        while missing := index.list_missing(_AT_ONCE):
            gone += index.note_stored(pool.map(read, missing))
            if time.monotonic() > end:
                break
        return {"missing": index.count_missing()[0], "gone": gone}


def _remove(folder: Path, name: str) -> None:
    """Remove a file, and the folders that are empty without it: their names may become files."""
    path = folder / name
    if path.is_file():
        path.unlink()
    with suppress(OSError):
        while (path := path.parent) != folder:
            path.rmdir()


def _remove_unfinished(folder: Path) -> None:
    """Remove what processes left that were killed an hour ago or earlier."""
    for each in folder.glob(f"{draws.UNFINISHED}*"):
        if time.time() - each.lstat().st_mtime > _OLD_SECONDS:
            shutil.rmtree(each, ignore_errors=True)


def _reader(
    bucket: Bucket, folder: Path, unfinished: Path
) -> Callable[[Missing], tuple[str, str | None, int]]:
    def read(each: Missing) -> tuple[str, str | None, int]:
        beside = unfinished / uuid.uuid4().hex
        found = bucket.read_object(each.key, beside)
        path = folder / each.name
        if not found:
            path.unlink(missing_ok=True)
            return each.name, None, 0
        path.parent.mkdir(mode=private.FOLDER_MODE, parents=True, exist_ok=True)
        beside.replace(path)
        return each.name, *found

    return read


def _folder(address: S3Address, home: str, draw: str) -> Path:
    top = Path(home or _HOST_HOME).expanduser()
    private.ensure_folder(top.parent)
    return private.ensure_folder(private.ensure_folder(top) / address.name_folder(draw))


@contextmanager
def _convert_full_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise index_errors.explain_full(folder) from error
        raise


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
            fix=index_errors.explain_full(folder).fix,
        )
