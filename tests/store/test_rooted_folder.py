from __future__ import annotations

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.store.rooted_folder import RootedFile, RootedFolder, is_inside


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0o640)
    return folder


@pytest.fixture(params=[True, False], ids=["by descriptor", "by real path"])
def root(request, tmp_path, outside):
    folder = tmp_path / "root"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "deep" / "er" / "b").write_text("b")
    (folder / "out").symlink_to(outside)
    (folder / "deep" / "out").symlink_to("../../outside")
    (folder / "link").symlink_to(outside / "secret")
    with RootedFolder(folder, by_descriptor=request.param) as rooted:
        yield rooted


def test_files_below_the_folder_are_read_written_and_renamed(root):
    root.make_folder(b"new/one", 0o700)
    with root.open_to_write(b"new/one/c") as file:
        file.write(b"c")
    with root.open_to_write(b"new/one/c", append=True) as file:
        file.write(b"c")
    root.set_mode(b"new/one/c", 0o640)
    root.set_mtime(b"new/one/c", -5 * 10**9)
    root.rename(b"new/one/c", b"deep/er/c")
    root.make_link(b"deep/er/link", b"c")

    with root.open_to_read(b"deep/er/c") as file:
        assert file.read() == b"cc"
    facts = root.read_status(b"deep/er/c")
    assert (stat.S_IMODE(facts.st_mode), facts.st_mtime_ns) == (0o640, -5 * 10**9)
    assert stat.S_IMODE(root.read_status(b"new/one").st_mode) == 0o700
    assert (root.path / "deep" / "er" / "link").read_text() == "cc"

    root.remove(b"deep/er/link")
    root.remove(b"deep/er/c")
    root.remove(b"new/one")
    root.remove_tree(b"deep")
    assert sorted(each.name for each in root.path.iterdir()) == ["a", "link", "new", "out"]


def test_a_new_file_is_private_before_it_has_any_content(root):
    with root.open_to_write(b"new"):
        assert stat.S_IMODE(root.read_status(b"new").st_mode) == 0o600


OPERATIONS = {
    "read": lambda root, name: root.open_to_read(name),
    "write": lambda root, name: root.open_to_write(name),
    "append": lambda root, name: root.open_to_write(name, append=True),
    "mode": lambda root, name: root.set_mode(name, 0o777),
    "time": lambda root, name: root.set_mtime(name, 0),
}
OPERATIONS_ON_PARENT = OPERATIONS | {
    "status": lambda root, name: root.read_status(name),
    "rename to": lambda root, name: root.rename(b"a", name),
    "rename from": lambda root, name: root.rename(name, b"a"),
    "remove": lambda root, name: root.remove(name),
    "remove tree": lambda root, name: root.remove_tree(name),
    "link": lambda root, name: root.make_link(name, b"a"),
    "folder": lambda root, name: root.make_folder(name),
}


@pytest.mark.parametrize("operation", OPERATIONS_ON_PARENT.values(), ids=OPERATIONS_ON_PARENT)
def test_nothing_is_done_through_a_link_to_a_folder(root, outside, operation):
    for name in (b"out/secret", b"deep/out/secret"):
        with pytest.raises(OSError, match="a symbolic link is on the way"):
            operation(root, name)

    _is_untouched(outside)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_no_file_is_opened_through_a_link(root, outside, operation):
    with pytest.raises(OSError, match=r"symbolic link"):
        operation(root, b"link")

    _is_untouched(outside)


def test_a_link_itself_is_replaced_or_deleted(root, outside):
    root.rename(b"a", b"link")
    root.remove(b"out")

    assert (root.path / "link").read_text() == "a"
    _is_untouched(outside)


@pytest.mark.parametrize("operation", OPERATIONS_ON_PARENT.values(), ids=OPERATIONS_ON_PARENT)
def test_no_name_leads_out(root, outside, operation):
    for name in (b"", b".", b"..", b"../outside/secret", b"a/../../x", b"/etc/passwd", b"a//b"):
        with pytest.raises(OSError, match="the name leads out of the folder"):
            operation(root, name)

    _is_untouched(outside)


def test_a_folder_that_becomes_a_link_is_not_followed(root, outside):
    with root.open_to_read(b"deep/er/b"):
        pass
    root.rename(b"deep", b"moved")
    (root.path / "deep").symlink_to(outside)

    with pytest.raises(OSError, match="a symbolic link is on the way"):
        root.open_to_write(b"deep/secret")
    _is_untouched(outside)


def test_what_is_not_a_regular_file_is_not_opened(root):
    os.mkfifo(root.path / "pipe")

    for name in (b"pipe", b"deep"):
        with pytest.raises(OSError, match=r"."):
            root.open_to_read(name)
        with pytest.raises(OSError, match=r"."):
            root.open_to_write(name)


def test_more_folders_are_open_than_it_keeps(root):
    deep = b"/".join([b"d"] * 60)
    root.make_folder(deep)
    for n in range(40):
        root.make_folder(b"f%d/x" % n)
        with root.open_to_write(b"f%d/x/y" % n) as file:
            file.write(b"y")

    root.rename(b"f0/x/y", deep + b"/y")

    with root.open_to_read(deep + b"/y") as file:
        assert file.read() == b"y"


def test_an_alias_stands_for_another_name(tmp_path):
    (tmp_path / "here").write_text("x")

    with RootedFile(tmp_path, b"there", {b"there": b"here"}).open("rb") as file:
        assert file.read() == b"x"


@given(st.lists(st.sampled_from([b"a", b"..", b".", b"", b"b"]), min_size=1, max_size=6))
def test_a_name_inside_never_climbs(parts):
    name = b"/".join(parts)

    assert is_inside(name) == (not {b"", b".", b".."} & set(parts))


def _is_untouched(outside):
    secret = outside / "secret"
    assert secret.read_text() == "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o640
    assert secret.stat().st_mtime > 0
    assert list(outside.iterdir()) == [secret]
