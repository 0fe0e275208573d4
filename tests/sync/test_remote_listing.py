from __future__ import annotations

import os
import subprocess

import pytest

from dl_magics.errors import NoAnswer
from dl_magics.sync import diff, remote_listing


@pytest.mark.parametrize("missing", [(), ("find",), ("find", "python")])
def test_all_listing_methods_return_the_same(tmp_path, missing):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "new\nline").write_bytes(b"12345")
    os.utime(tmp_path / "a b" / "new\nline", ns=(5 * 10**9, 1_700_000_000 * 10**9))
    (tmp_path / "link").symlink_to("a b")
    os.mkfifo(tmp_path / "pipe")
    script = remote_listing._script(str(tmp_path), (), False)
    for name, asked in (
        ("find", b"find . -prune -printf '' 2>/dev/null"),
        ("python", b"command -v python3 >/dev/null"),
    ):
        if name in missing:
            assert asked in script
            script = script.replace(asked, b"false")

    output = subprocess.run(["sh", "-s"], input=script, capture_output=True, check=True).stdout

    listed, here = remote_listing.parse_listing(output).tree, diff.list_local(tmp_path)
    assert listed.keys() == here.keys()
    assert {name: each.kind for name, each in listed.items()} == {
        name: each.kind for name, each in here.items()
    }
    assert diff.is_same(here[b"a b/new\nline"], listed[b"a b/new\nline"])
    assert listed[b"link"].target == b"a b"


def test_a_truncated_listing_is_refused():
    with pytest.raises(NoAnswer, match="cut off"):
        remote_listing.parse_listing(b"folder\n100\nf\x005\x00")
