from __future__ import annotations

import os
import subprocess

import pytest

from dl_magics.errors import NoAnswer
from dl_magics.sync import diff
from dl_magics.sync.local_listing import list_local
from dl_magics.sync.remote import listing
from dl_magics.sync.remote.shell import MARK
from support.files import unlisted, without_root


@pytest.mark.parametrize("missing", [(), ("find",), ("find", "python")])
def test_all_listing_methods_return_the_same(tmp_path, missing):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "new\nline").write_bytes(b"12345")
    os.utime(tmp_path / "a b" / "new\nline", ns=(5 * 10**9, 1_700_000_000 * 10**9))
    (tmp_path / "link").symlink_to("a b")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "theirs" / "deep").mkdir(parents=True)
    script = listing._script(str(tmp_path), (), make=False).encode()
    for name, asked in (
        ("find", b"find . -prune -printf '' 2>/dev/null"),
        ("python", b"command -v python3 >/dev/null"),
    ):
        if name in missing:
            assert asked in script
            script = script.replace(asked, b"false")

    command = [*without_root(), "sh", "-s"]
    here = list_local(tmp_path)
    with unlisted(tmp_path / "theirs"):
        output = subprocess.run(
            command, input=script, stdout=subprocess.PIPE, check=True
        ).stdout.partition(MARK + b"\n")[2]

    listed = listing.parse_listing(output).tree
    assert here.pop(b"theirs/deep").kind == "folder"
    assert [name for name, each in listed.items() if not each.is_listed] == [b"theirs"]
    assert listed.keys() == here.keys()
    assert {name: each.kind for name, each in listed.items()} == {
        name: each.kind for name, each in here.items()
    }
    assert diff.is_same(here[b"a b/new\nline"], listed[b"a b/new\nline"])
    assert listed[b"link"].target == b"a b"


def test_a_truncated_listing_is_refused():
    with pytest.raises(NoAnswer, match="cut off"):
        listing.parse_listing(b"folder\n100\nf\x005\x00")
