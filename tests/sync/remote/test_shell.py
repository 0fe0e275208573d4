from __future__ import annotations

import os
import pwd

import pytest

from dl_magics import errors
from dl_magics.ssh import blocking
from dl_magics.sync.remote.shell import locate, quote_path
from support.files import fetch, lies_in, program, send


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("a b", "'./a b'"),
        ("-", "./-"),
        ("/x", "/x"),
        ("~user", "~user"),
        ("~user/it's", "~user/'it'\"'\"'s'"),
        ("~", "'./~'"),
        ("~1", "'./~1'"),
        ("~a;b", "'./~a;b'"),
        ("~$(id)/x", "'./~$(id)/x'"),
    ],
)
def test_a_path_is_one_word_and_no_option(path, quoted):
    assert quote_path(path) == quoted


@pytest.mark.parametrize(
    ("path", "kind", "end"),
    [
        ("folder", "folder", "/folder"),
        ("folder/f", "file", "/folder/f"),
        ("to-folder", "folder", "/folder"),
        ("to-f", "file", "/folder/f"),
        ("broken", "none", ""),
        ("nothing/at/all", "none", ""),
        ("-", "folder", "/-"),
        ("ends\n", "file", "/ends\n"),
        ("\udcff", "file", "/\udcff"),
    ],
)
def test_a_path_is_located_through_links(host, path, kind, end):
    (host.home / "folder").mkdir()
    (host.home / "-").mkdir()
    (host.home / "to-folder").symlink_to("folder")
    (host.home / "to-f").symlink_to("folder/f")
    (host.home / "broken").symlink_to("nothing")
    for name in ("folder/f", "ends\n", "\udcff"):
        (host.home / name).write_text("x")

    found = blocking.wait_for(locate(host.login, path))

    assert found.kind == kind
    assert not end or found.path == os.path.realpath(host.home) + end
    assert found.is_link is ("to-" in path or path == "broken")


def test_the_home_of_a_user_is_located(host):
    user = pwd.getpwuid(os.getuid())

    found = blocking.wait_for(locate(host.login, f"~{user.pw_name}"))

    assert (found.kind, found.path) == ("folder", os.path.realpath(user.pw_dir))
    with pytest.raises(errors.NoSuchFile, match="There is no user ~nobody-here on gpu"):
        blocking.wait_for(locate(host.login, "~nobody-here/x"))


@pytest.mark.parametrize(
    "before",
    [
        "export CDPATH=/x/projects:..",
        "export TAR_OPTIONS=--no-such-option",
        "export POSIXLY_CORRECT=1",
        "export ENV=/dev/null LC_ALL=de_DE.UTF-8 BLOCK_SIZE=1M",
        "echo 'Welcome to the machine'; echo folder; echo 7",
        "printf 'no newline'",
    ],
)
def test_what_a_person_set_on_the_host_changes_nothing(host, tmp_path, before):
    here, back = tmp_path / "ds", tmp_path / "back"
    (here / "sub").mkdir(parents=True)
    (here / "sub" / "f").write_text("f")
    (host.home / "x" / "ds").mkdir(parents=True)

    with program(host, "sh", f'{before}; exec /bin/sh "$@"'):
        assert send(host, here, "ds").files == 1
        assert send(host, here, "ds").files_total == 0
        assert fetch(host, back, "ds").files == 1

    assert lies_in(back) == lies_in(here) == lies_in(host.home / "ds")
    assert list((host.home / "x" / "ds").iterdir()) == []


def test_a_folder_that_vanished_sends_nothing_of_another_one(host, tmp_path):
    (host.home / "sub").mkdir()
    (host.home / "sub" / "f").write_text("right")
    (host.home / "f").write_text("wrong")
    remove = f'mv "{host.home}/sub" "{host.home}/gone" 2>/dev/null; exec /usr/bin/find "$@"'

    with program(host, "find", remove), pytest.raises(errors.NoSuchFile):
        fetch(host, tmp_path / "back", "sub")

    assert not (tmp_path / "back" / "f").exists()
