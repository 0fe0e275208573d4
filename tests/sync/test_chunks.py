"""A big file is complete in the end, with any staged part and any division into ranges."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.sync import chunks
from dl_magics.sync.chunks import Range, Ranges, build_checksum_command, find_missing_ranges

MB = 2**20


def sums(part, size, wanted):
    output = subprocess.run(
        ["sh", "-c", build_checksum_command(str(part), size, wanted)], capture_output=True
    )
    return [line.split()[0].decode() for line in output.stdout.splitlines()]


@given(
    wrong=st.sets(st.integers(0, 9)),
    staged=st.integers(0, 11 * MB),
    size=st.integers(1, 10 * MB),
    halving=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_only_wrong_or_missing_segments_are_sent(wrong, staged, size, halving):
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "_WORTH_HALVING", MB if halving else 2**60)
        file, part = Path(scratch) / "file", Path(scratch) / "stage" / "part"
        content = os.urandom(size)
        file.write_bytes(content)
        part.parent.mkdir()
        there = bytearray(content.ljust(staged, b"x")[:staged])
        for n in wrong:
            if n * MB < len(there):
                there[n * MB] ^= 1
        part.write_bytes(there)

        left = Ranges(find_missing_ranges(file, size, sums(part, staged, size)))
        sent = 0
        while one := left.next():
            other = left.next() if halving else None
            for each in filter(None, (one, other)):
                begin = each.taking(str(part))
                pieces = b"".join(piece.data for piece in each.pieces())
                sent += len(pieces)
                subprocess.run(["sh", "-c", begin], input=pieces, check=True)

        assert left.is_done
        assert part.read_bytes() == content
        segments = range(0, min(staged, size), 2 * MB)
        good = sum(there[at : at + 2 * MB] == content[at : at + 2 * MB] for at in segments)
        if staged <= size:
            assert sent <= size - max(0, good - 1) * 2 * MB


def test_a_truncated_file_is_not_done(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100)
    left = Ranges([Range(tmp_path / "file", 0, 200)])

    sent = b"".join(piece.data for piece in left.next().pieces())

    assert (len(sent), left.is_done) == (100, False)


def test_a_deleted_file_is_not_done(tmp_path):
    left = Ranges([Range(tmp_path / "gone", 0, 200)])

    assert list(left.next().pieces()) == []
    assert not left.is_done


def test_a_short_rest_is_not_halved(tmp_path):
    left = Ranges([Range(tmp_path / "file", 0, 16 * MB)])

    assert left.next()
    assert left.next() is None


def test_a_part_is_for_its_owner_only_while_it_arrives(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * MB)
    whole = Ranges(find_missing_ranges(tmp_path / "file", MB, []))
    part = tmp_path / "stage" / "new" / "part"

    subprocess.run(["sh", "-c", whole.next().taking(str(part))], input=b"x" * MB, check=True)

    modes = [stat.S_IMODE(each.stat().st_mode) for each in (part, *part.parents[:2])]
    assert modes == [0o600, 0o700, 0o700]
