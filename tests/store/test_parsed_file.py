from __future__ import annotations

import os

import pytest

from dl_magics.store import atomic
from dl_magics.store.parsed_file import ParsedFile


@pytest.fixture
def parsed():
    """The contents that were parsed, in order."""
    return []


@pytest.fixture
def file(parsed):
    def parse(content):
        parsed.append(content)
        return int(content)

    return ParsedFile(parse)


def test_each_version_is_parsed_once(file, parsed, tmp_path):
    path = tmp_path / "number"
    atomic.replace(path, "1")
    first = path.stat()
    read = [file.read(path), file.read(path)]

    # The same size and time, as where the clock of the file system is coarse.
    atomic.replace(path, "2")
    os.utime(path, ns=(first.st_atime_ns, first.st_mtime_ns))
    read += [file.read(path), file.read(path)]

    assert read == [1, 1, 2, 2]
    assert parsed == [b"1", b"2"]


def test_another_path_is_another_file(file, tmp_path):
    for n in (1, 2):
        atomic.replace(tmp_path / str(n), str(n))

    assert [file.read(tmp_path / name) for name in ("1", "2", "1")] == [1, 2, 1]


def test_there_is_nothing_where_the_file_is_missing_or_gone(file, tmp_path):
    path = tmp_path / "number"
    before = file.read(path)
    atomic.replace(path, "1")
    file.read(path)
    path.unlink()

    assert (before, file.read(path)) == (None, None)


def test_what_the_parser_raises_is_raised_and_not_kept(file, tmp_path):
    path = tmp_path / "number"
    atomic.replace(path, "one")

    for _ in range(2):
        with pytest.raises(ValueError, match="one"):
            file.read(path)
