"""What a folder should have of a bucket, and what it has: in an SQLite file, for many objects."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dl_magics.data.s3 import address, index_errors
from dl_magics.errors import BadData
from dl_magics.store import private

FILE_NAME = "index.sqlite"
_MOST_EXAMPLES = 5
_WAIT_SECONDS = 600.0
_COLUMNS = "name TEXT PRIMARY KEY, folded TEXT UNIQUE, key TEXT, size INTEGER, listed TEXT"
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS objects ({_COLUMNS}, stored TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS missing ON objects (name) WHERE stored IS NOT listed;
"""


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object as a bucket lists it; the ETag changes with its content."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that is still to be read into the file `name`."""

    name: str
    key: str
    size: int


class ObjectIndex:
    """The index of one folder. `listed` is the ETag in the bucket, `stored` that of the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @staticmethod
    @contextmanager
    def open(folder: Path) -> Iterator[ObjectIndex]:
        """Open the index of a folder, a new one where there is none; only this user may read it.

        Raises
        ------
        DamagedFile
            where it is damaged: the folder is set aside.
        DiskFull, CannotChange
            where the disk is full, or another process writes for ten minutes.
        """
        private.ensure_folder(folder)
        private.touch(folder / FILE_NAME)
        try:
            with closing(sqlite3.connect(folder / FILE_NAME, timeout=_WAIT_SECONDS)) as connection:
                connection.executescript(_SCHEMA)
                yield ObjectIndex(connection)
        except sqlite3.Error as error:
            raise index_errors.explain_error(folder, error) from error

    def replace_listing(self, objects: Iterable[tuple[str, S3Object]]) -> dict[str, str]:
        """Take the objects that there are now, by names; return some that are left out, and why.

        Raises BadData for two folders that differ only in case: they may be one on this disk.
        """
        left_out: dict[str, str] = {}
        folders: dict[str, str] = {}
        # Beside the file, so that no other process waits while a bucket is listed.
        self._connection.executescript(
            f"DROP TABLE IF EXISTS temp.found; CREATE TEMP TABLE found ({_COLUMNS}) WITHOUT ROWID"
        )
        for name, each in objects:
            if not address.is_photo(name):
                continue
            if fault := address.find_fault(name):
                if len(left_out) < _MOST_EXAMPLES:
                    left_out[each.key] = fault
                continue
            for above in PurePosixPath(name).parents:
                _require_one_spelling(str(above), folders)
            self._list(name, each)
        for folder in folders:
            self._leave_out_file(folder, left_out)
        self._connection.commit()
        with self._connection:
            self._connection.execute("UPDATE objects SET listed = NULL")
            self._connection.execute(
                "INSERT INTO objects SELECT *, NULL FROM found WHERE true ON CONFLICT (name) "
                "DO UPDATE SET key = excluded.key, size = excluded.size, listed = excluded.listed"
            )
        return left_out

    def _leave_out_file(self, folder: str, left_out: dict[str, str]) -> None:
        """Leave out an object that has the name of a folder of others: a file cannot."""
        query = "SELECT name, key FROM found WHERE folded = ?"
        for name, key in self._connection.execute(query, (folder,)).fetchall():
            left_out[key] = "there is a folder of this name"
            self._connection.execute("DELETE FROM found WHERE name = ?", (name,))

    def _list(self, name: str, each: S3Object) -> None:
        for table in ("found", "objects"):
            query = f"SELECT key FROM {table} WHERE folded = ? AND key != ?"
            if self._connection.execute(query, (_fold(name), each.key)).fetchone():
                name = address.add_mark(name, each.key)
                break
        self._connection.execute(
            "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)",
            (name, _fold(name), each.key, each.size, each.etag),
        )

    def take_gone(self) -> Iterator[str]:
        """Yield the names of the files whose object is gone; forget each that was dealt with."""
        rows = self._connection.execute("SELECT name FROM objects WHERE listed IS NULL").fetchall()
        for (name,) in rows:
            yield name
        with self._connection:
            self._connection.execute("DELETE FROM objects WHERE listed IS NULL")

    def list_names(self) -> Iterator[str]:
        """Yield the names of all objects."""
        return (name for (name,) in self._connection.execute("SELECT name FROM objects"))

    def find_object(self, name: str) -> S3Object:
        """Return the object of a name, which must be in the index."""
        row = self._connection.execute(
            "SELECT key, listed, size FROM objects WHERE name = ?", (name,)
        ).fetchone()
        return S3Object(*row)

    def count(self) -> tuple[int, int]:
        """Return the number of objects, and their bytes."""
        return self._sum("1")

    def count_missing(self) -> tuple[int, int]:
        """Return the number of objects that are still to be read, and their bytes."""
        return self._sum("stored IS NOT listed")

    def list_missing(self, most: int) -> Sequence[Missing]:
        """Return the first objects that are still to be read."""
        rows = self._connection.execute(
            "SELECT name, key, size FROM objects WHERE stored IS NOT listed LIMIT ?", (most,)
        )
        return [Missing(*row) for row in rows]

    def note_stored(self, stored: Iterable[tuple[str, str | None, int]]) -> int:
        """Note the ETag and size of each file, None for an object that is gone; count these.

        It is that of the bytes that were read, not of the object when it was listed. Where
        `stored` raises, what it has yielded is noted.
        """
        read: list[tuple[str, str | None, int]] = []
        try:
            read.extend(stored)
        finally:
            gone = [(name,) for name, etag, _ in read if etag is None]
            with self._connection:
                self._connection.executemany("DELETE FROM objects WHERE name = ?", gone)
                self._connection.executemany(
                    "UPDATE objects SET listed = ?, stored = ?, size = ? WHERE name = ?",
                    [(etag, etag, size, name) for name, etag, size in read if etag is not None],
                )
        return len(gone)

    def forget_lost(self, folder: Path) -> None:
        """Forget the files that are no longer in their folder as they were stored."""
        lost = [
            (name,)
            for name, size in self._connection.execute(
                "SELECT name, size FROM objects WHERE stored IS NOT NULL"
            )
            if _size(folder / name) != size
        ]
        with self._connection:
            self._connection.executemany("UPDATE objects SET stored = NULL WHERE name = ?", lost)

    def _sum(self, condition: str) -> tuple[int, int]:
        query = f"SELECT COUNT(*), COALESCE(SUM(size), 0) FROM objects WHERE {condition}"
        number, size = self._connection.execute(query).fetchone()
        return int(number), int(size)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _require_one_spelling(folder: str, folders: dict[str, str]) -> None:
    known = folders.setdefault(_fold(folder), folder)
    if known != folder:
        raise BadData(
            f"Two folders differ only in their spelling: {known!r} and {folder!r}.",
            fix=f"Give both one name: aws s3 mv --recursive s3://BUCKET/…/{folder} "
            f"s3://BUCKET/…/{known}",
        )


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return -1
