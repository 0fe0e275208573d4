"""What a folder should have of a bucket, and what it has: in an SQLite file, for many objects."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dl_magics.data.s3 import address
from dl_magics.errors import BadData
from dl_magics.store import private

FILE_NAME = "index.sqlite"
_MOST_EXAMPLES = 5
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    name TEXT PRIMARY KEY, folded TEXT UNIQUE, key TEXT, size INTEGER, listed TEXT, stored TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS missing ON objects (name) WHERE stored IS NOT listed;
CREATE TABLE IF NOT EXISTS drawn (draw TEXT, name TEXT, PRIMARY KEY (draw, name)) WITHOUT ROWID;
"""
_DRAWN = "drawn JOIN objects USING (name) WHERE draw = ? AND"


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
        """Open the index of a folder, a new one where there is none; only this user may read it."""
        private.ensure_folder(folder)
        private.touch(folder / FILE_NAME)
        with closing(sqlite3.connect(folder / FILE_NAME, timeout=60)) as connection:
            connection.executescript(_SCHEMA)
            yield ObjectIndex(connection)

    def replace_listing(self, prefix: str, objects: Iterable[S3Object]) -> dict[str, str]:
        """Take what a bucket lists now; return some of what is left out, and why.

        Raises BadData for two folders that differ only in case: they may be one on this disk.
        """
        left_out: dict[str, str] = {}
        folders: dict[str, str] = {}
        with self._connection:
            self._connection.execute("UPDATE objects SET listed = NULL")
            for each in objects:
                name = each.key.removeprefix(prefix)
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
        return left_out

    def _leave_out_file(self, folder: str, left_out: dict[str, str]) -> None:
        """Leave out an object that has the name of a folder of others: a file cannot."""
        query = "SELECT name, key FROM objects WHERE folded = ? AND listed IS NOT NULL"
        for name, key in self._connection.execute(query, (folder,)).fetchall():
            left_out[key] = "there is a folder of this name"
            self._connection.execute("UPDATE objects SET listed = NULL WHERE name = ?", (name,))

    def _list(self, name: str, each: S3Object) -> None:
        found = self._connection.execute(
            "SELECT key FROM objects WHERE folded = ? AND key != ?", (_fold(name), each.key)
        ).fetchone()
        if found:
            name = address.add_mark(name, each.key)
        self._connection.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (name) DO UPDATE "
            "SET key = excluded.key, size = excluded.size, listed = excluded.listed",
            (name, _fold(name), each.key, each.size, each.etag),
        )

    def take_gone(self) -> Iterator[str]:
        """Yield the names of the files whose object is gone; forget each that was dealt with."""
        rows = self._connection.execute("SELECT name FROM objects WHERE listed IS NULL").fetchall()
        for (name,) in rows:
            yield name
        with self._connection:
            self._connection.execute("DELETE FROM objects WHERE listed IS NULL")

    def list_names(self, *, never_stored: bool = False) -> Iterator[str]:
        """Yield the names of all objects, or of those without a file."""
        where = "WHERE stored IS NULL" if never_stored else ""
        return (name for (name,) in self._connection.execute(f"SELECT name FROM objects {where}"))

    def replace_draw(self, draw: str, names: Iterable[str]) -> None:
        """Take the names that a draw of the objects has now; runs at once may have other draws."""
        with self._connection:
            self._connection.execute("DELETE FROM drawn WHERE draw = ?", (draw,))
            self._connection.executemany(
                "INSERT INTO drawn VALUES (?, ?)", ((draw, name) for name in names)
            )

    def count(self, draw: str = "") -> tuple[int, int]:
        """Return the number of objects, and their bytes; of a draw, if one is named."""
        return self._sum("1", draw)

    def count_missing(self, draw: str = "") -> tuple[int, int]:
        """Return the number of objects that are still to be read, and their bytes."""
        return self._sum("stored IS NOT listed", draw)

    def list_missing(self, most: int, draw: str = "") -> Sequence[Missing]:
        """Return the first objects that are still to be read."""
        rows = self._select("name, key, size", "stored IS NOT listed LIMIT ?", draw, most)
        return [Missing(*row) for row in rows]

    def note_stored(self, stored: Iterable[tuple[str, str | None, int]]) -> None:
        """Note the ETag and size of each file, None for an object that is gone meanwhile.

        It is that of the bytes that were read, not of the object when it was listed. Where
        `stored` raises, what it has yielded is noted.
        """
        try:
            for name, etag, size in stored:
                if etag is None:
                    self._connection.execute("DELETE FROM objects WHERE name = ?", (name,))
                else:
                    self._connection.execute(
                        "UPDATE objects SET listed = ?, stored = ?, size = ? WHERE name = ?",
                        (etag, etag, size, name),
                    )
        finally:
            self._connection.commit()

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

    def _sum(self, condition: str, draw: str) -> tuple[int, int]:
        ((number, size),) = self._select("COUNT(*), COALESCE(SUM(size), 0)", condition, draw)
        return int(number), int(size)

    def _select(self, columns: str, condition: str, draw: str, *values: object) -> sqlite3.Cursor:
        source, first = (_DRAWN, (draw,)) if draw else ("objects WHERE", ())
        query = f"SELECT {columns} FROM {source} {condition}"
        return self._connection.execute(query, (*first, *values))


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
