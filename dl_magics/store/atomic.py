"""Replace a file in one step: a reader sees the old content or the new content, never a part.

Standard library only and Python 3.8 compatible: it also runs on an instance.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dl_magics.store import private


def replace(path: Path, data: bytes | str, *, mode: int | None = private.FILE_MODE) -> Path:
    """Write `data` into a file in one step and return its path; text is written as UTF-8.

    `mode` is the mode of the new file; None leaves it to the umask.
    """
    with replacing(path, mode=mode) as unfinished:
        unfinished.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return path


@contextmanager
def replacing(path: Path, *, mode: int | None = private.FILE_MODE) -> Iterator[Path]:
    """Yield the path of an empty file beside `path`, which replaces it when the block ends.

    The folder is created, for its owner only if the file is. The file is flushed to the disk
    before it is renamed. Its name ends in that of `path`, as Keras requires `.weights.h5`. Where
    the block raises, `path` is left as it was.
    """
    if mode != private.FILE_MODE:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.parent.is_dir():
        private.ensure_folder(path.parent)
    unfinished = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
    try:
        os.close(os.open(str(unfinished), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode or 0o666))
        if mode is not None:
            unfinished.chmod(mode)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(str(unfinished), str(path))  # noqa: PTH105 - it takes what Path.replace takes
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def find_unfinished(path: Path) -> list[Path]:
    """Return the temporary files that a killed process left beside `path`."""
    return sorted(path.parent.glob(f".????????????.{path.name}"))
