"""`%sync PATH --to TO` in both directions, as a table: what each pair of paths means."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from dl_magics import errors
from dl_magics.actions.gpu import sync, sync_paths

PRECIOUS = "precious"
USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The notebook's folder: a file of each name that a mistake could overwrite."""
    folder = tmp_path / "above" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    for file in (tmp_path / "above" / "a.txt", folder / "a.txt"):
        file.write_text(PRECIOUS)
    return folder


def transfer(host, direction, path, to=None):
    job = sync_paths.make_job(host.login, direction, path, to)
    return list(sync.run_job(direction, job))[-1]


def files_in(folder):
    """Return the files below a folder that were transferred."""
    found = {
        os.fspath(file.relative_to(folder)): file.read_bytes()
        for each in folder.glob("[!.]*")
        for file in (each, *each.rglob("*"))
        if file.is_file()
    }
    return {name for name, text in found.items() if text.startswith(b"from ")}


# PATH, TO, and what is at the destination afterwards: one table for both directions.
RULE = [
    ("res/a.txt", None, {"res/a.txt"}),
    ("./res//a.txt", None, {"res/a.txt"}),
    ("res/a.txt", "keep.txt", {"keep.txt"}),
    ("res/a.txt", "./keep.txt", {"keep.txt"}),
    ("res/a.txt", "new/deep/keep.txt", {"new/deep/keep.txt"}),
    ("res/a.txt", "out/", {"out/a.txt"}),
    ("res/a.txt", "new/out/.", {"new/out/a.txt"}),
    ("res/a.txt", "out", {"out/a.txt"}),
    ("res/a.txt", "link-to-out", {"out/a.txt"}),
    ("res/a.txt", "./-", {"-"}),
    ("res/link", None, {"res/link"}),
    ("res", None, {"res/a.txt", "res/deep/b.txt"}),
    ("res/", None, {"res/a.txt", "res/deep/b.txt"}),
    ("res", "new", {"new/a.txt", "new/deep/b.txt"}),
    ("res", "out", {"out/a.txt", "out/deep/b.txt"}),
    ("res", "out/", {"out/res/a.txt", "out/res/deep/b.txt"}),
    ("res/", "out/", {"out/a.txt", "out/deep/b.txt"}),
    ("res/deep", None, {"res/deep/b.txt"}),
    ("res/deep", "x/y", {"x/y/b.txt"}),
    ("linked", None, {"linked/a.txt", "linked/deep/b.txt"}),
    ("./-", None, {"-/a.txt"}),
    ("./-rf", None, {"-rf"}),
    ("sp ace", None, {"sp ace/a.txt"}),
    ("sp ace/a.txt", 'it\'s "new"', {'it\'s "new"'}),
    ("bad\udcff.bin", None, {"bad\udcff.bin"}),
    ("bad\udcff.bin", "\udcfe/", {"\udcfe/bad\udcff.bin"}),
    ("$HOME;*", None, {"$HOME;*"}),
    ("new\nline", None, {"new\nline"}),
]


def plant_source(folder):
    """Plant files whose text says where they come from."""
    for name in ("res/a.txt", "res/deep/b.txt", "-/a.txt", "-rf", "sp ace/a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"from {name}")
    for name in ("bad\udcff.bin", "$HOME;*", "new\nline"):
        (folder / name).write_text("from it")
    (folder / "res" / "link").symlink_to("a.txt")
    (folder / "linked").symlink_to("res")


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(("path", "to", "expected"), RULE)
def test_a_path_means_the_same_in_both_directions(host, here, direction, path, to, expected):
    source, destination = (here, host.home) if direction == "up" else (host.home, here)
    plant_source(source)
    (destination / "out").mkdir()
    (destination / "link-to-out").symlink_to("out")
    before = files_in(source)

    transfer(host, direction, path, to)

    regular = {name for name in files_in(destination) if "link" not in name or name in expected}
    assert regular == expected
    assert files_in(source) == before
    # Nothing else was overwritten.
    assert (here.parent / "a.txt").read_text() == PRECIOUS
    assert direction == "up" or (here / "a.txt").read_text() == PRECIOUS


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("to", ["new", "out/", "~/res", "."])
def test_the_same_line_again_means_the_same(host, here, monkeypatch, direction, to):
    monkeypatch.setenv("HOME", str(here))
    source, destination = (here, host.home) if direction == "up" else (host.home, here)
    plant_source(source)
    if to == ".":
        source.joinpath("res").rename(source / "other")

    transfer(host, direction, "other" if to == "." else "res", to)
    first = files_in(destination)
    again = transfer(host, direction, "other" if to == "." else "res", to)

    assert first == files_in(destination)
    assert len(first) == 3
    assert (again.files_total, again.unchanged) == (0, 2)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("~", "a.txt"),
        ("~/", "a.txt"),
        (".", "a.txt"),
        ("~/x", "x"),
        ("~/x/", "x/a.txt"),
        ("./~", "~"),
    ],
)
def test_a_tilde_is_the_home_folder_of_the_destination(
    host, here, tmp_path, monkeypatch, to, expected
):
    (here / "res").mkdir()
    (here / "res" / "a.txt").write_text("from here")
    transfer(host, "up", "res/a.txt", to)
    assert files_in(host.home) == {expected}

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (host.home / "res").mkdir()
    (host.home / "res" / "a.txt").write_text("from there")
    local_home = tmp_path / "home" if to.startswith("~") else here
    local_home.mkdir(exist_ok=True)
    (here / "a.txt").unlink()
    transfer(host, "down", "res/a.txt", to)
    assert files_in(local_home) - {"res/a.txt"} == {expected}


def test_a_folder_goes_into_the_home_folder_under_its_own_name(host, here):
    plant_source(here)

    transfer(host, "up", "res", "~")

    assert files_in(host.home) == {"res/a.txt", "res/link", "res/deep/b.txt"}
    assert not (host.home / "~").exists()


def test_the_home_of_a_user_is_what_the_shell_says(host, here):
    home = Path(
        subprocess.run(["sh", "-c", f"echo ~{USER}"], capture_output=True).stdout[:-1].decode()
    )

    for direction in ("up", "down"):
        (host.home / "a").write_text("from there")
        (here / "a").write_text("from here")
        job = sync_paths.make_job(host.login, direction, "a", f"~{USER}/no/such/")
        assert job.ends[direction == "up"].endswith(
            f"~{USER}/no/such/a" if direction == "up" else str(home / "no/such/a")
        )
        with pytest.raises(errors.NoSuchFile, match="~nobody-here"):
            sync_paths.make_job(host.login, direction, "a", "~nobody-here/x")
    assert sorted(each.name for each in host.home.glob("~*")) == []


def test_the_folder_of_the_notebook_comes_back_as_it_went(host, here):
    plant_source(here)
    sent = transfer(host, "up", ".")
    before = files_in(here)
    for name in before:
        (here / name).unlink(missing_ok=True)

    fetched = transfer(host, "down", ".")

    assert files_in(here) == before
    assert fetched.files_total == sent.files_total - 1  # a.txt is unchanged
    assert files_in(host.home / "notebooks") == before
    assert not (here / ".ssh").exists()


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(("path", "to"), [("", None), (" ", None), ("res", ""), ("res", "  ")])
def test_an_empty_path_is_refused(host, here, direction, path, to):
    with pytest.raises(errors.BadSetting, match="is empty"):
        sync_paths.make_job(host.login, direction, path, to)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_root_folder_needs_a_name(host, here, direction):
    with pytest.raises(errors.BadSetting, match="/ has no name"):
        sync_paths.make_job(host.login, direction, "/", None)


def test_other_paths_keep_their_last_part(host, here, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b").write_text("from b")
    transfer(host, "up", str(tmp_path / "elsewhere"))
    transfer(host, "up", "../../elsewhere/b")
    assert files_in(host.home) == {"elsewhere/b", "b"}

    transfer(host, "down", str(host.home / "elsewhere"))
    transfer(host, "down", "~/b")
    assert files_in(here) == {"elsewhere/b", "b"}


@pytest.mark.parametrize("path", ["n" * 300, "a.txt/x", "loop", "nul\0"])
def test_a_path_that_cannot_be_read_is_named(host, here, path):
    (here / "loop").symlink_to("loop")

    with pytest.raises(errors.NoSuchFile, match="cannot be read: "):
        sync_paths.make_job(host.login, "up", path, None)


def test_a_broken_link_is_named(host, here):
    (here / "broken").symlink_to("nothing")
    (host.home / "broken").symlink_to("nothing")

    for direction in ("up", "down"):
        with pytest.raises(errors.NoSuchFile, match="broken"):
            sync_paths.make_job(host.login, direction, "broken", None)
