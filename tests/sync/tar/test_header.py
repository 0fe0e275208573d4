from __future__ import annotations

import io
import subprocess
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.sync.tar import header

names = st.binary(min_size=1, max_size=300).filter(lambda name: 0 not in name)


@given(names, st.binary(max_size=1500), st.integers(0, 2**62), st.integers(0, 0o777))
def test_headers_round_trip(name, content, mtime_ns, mode):
    data = (
        header.file_header(name, len(content), mtime_ns, mode)
        + content
        + header.padding(len(content))
    )

    with tarfile.open(fileobj=io.BytesIO(data + header.END)) as archive:
        (member,) = archive
        assert archive.extractfile(member).read() == content

    assert member.name.encode("utf-8", "surrogateescape").rstrip(b"/") == name.rstrip(b"/")
    assert member.mode == mode
    assert abs(member.mtime - mtime_ns / 10**9) < 1e-3


def test_a_size_beyond_eight_gigabytes_is_written_in_binary():
    huge = header.file_header(b"huge", 9 * 2**33, 5 * 10**9)

    assert tarfile.TarInfo.frombuf(huge, "utf-8", "strict").size == 9 * 2**33


def test_system_tar_preserves_nanoseconds_and_links(tmp_path):
    data = (
        header.file_header(b"x/" + b"y" * 150, 2, 1_700_000_000_123_456_789)
        + b"ab"
        + header.padding(2)
    )
    data += header.link_header(b"link", b"t" * 140) + header.END

    subprocess.run(["tar", "-C", tmp_path, "-xf", "-"], input=data, check=True)

    assert (tmp_path / "x" / ("y" * 150)).stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert str((tmp_path / "link").readlink()) == "t" * 140
