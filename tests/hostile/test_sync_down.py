"""An instance whose `find` and `tar` answer what they want cannot make `%sync down` do harm."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from dl_magics import errors
from dl_magics.ssh import blocking, connection
from dl_magics.sync.diff import STAGE
from dl_magics.sync.download import plan_download
from dl_magics.sync.remote import listing, shell
from dl_magics.sync.spec import SyncJob
from support.files import fetch, lies_in, program


@pytest.fixture
def there(host):
    folder = host.home / "results"
    folder.mkdir()
    (folder / "true").write_bytes(b"true")
    return folder


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "notebooks" / "deep" / "results"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


def python(code):
    """Return a shell command that runs Python code; `argv` holds the arguments."""
    code = f"import os, sys; out = sys.stdout.buffer\n{code}"
    return f'{sys.executable} -c {shlex.quote(code)} "$@"'


def listed(entries, *, rest=b""):
    """Return what `find` does: list these entries, whatever the folder holds."""
    words = [
        word
        for kind, size, name, target in entries
        for word in (kind, b"%d" % size, b"1700000000.5", b"644", name, target)
    ]
    data = b"".join(word + b"\0" for word in words) + rest
    return python(f"'-ignore_readdir_race' in sys.argv or sys.exit()\nout.write({data!r})")


def sent(files, *, rest="pass"):
    """Return what `tar` does: send these files, whatever it is asked for."""
    return python(
        "import tarfile, io\n"
        "t = tarfile.open(fileobj=out, mode='w|')\n"
        f"for name, body in {files!r}.items():\n"
        "  i = tarfile.TarInfo(name); i.size = len(body); t.addfile(i, io.BytesIO(body))\n"
        f"{rest}"
    )


EVIL = b"code of the instance"


def test_links_that_lead_out_in_truth_only_are_not_written_through(host, there, here, outside):
    """`M` is inside by its words: its target goes through `L`, which is the folder itself."""
    deep = b"/".join(b"d%d" % n for n in range(12))
    folders = [b"/".join(deep.split(b"/")[: n + 1]) for n in range(12)]
    link = deep + b"/L"
    climb = b"/".join([b".."] * 12)
    evil = b"M" + os.fsencode(outside) + b"/evil"
    entries = [
        *((b"d", 0, b"./" + folder, b"") for folder in folders),
        (b"l", 0, b"./" + link, climb),
        (b"l", 0, b"./M", link + b"/" + climb),
    ]
    with program(host, "find", listed(entries)), program(host, "tar", sent({})):
        first = fetch(host, here, "results")
    with (
        program(host, "find", listed([*entries, (b"f", len(EVIL), b"./" + evil, b"")])),
        program(host, "tar", sent({"./" + evil.decode(): EVIL})),
    ):
        second = fetch(host, here, "results")

    assert list(outside.iterdir()) == []
    assert dict(first.skipped) == {
        "M": "the link leads back through another folder, possibly outside"
    }
    assert dict(second.skipped)[evil.decode()] == "its folder was skipped"
    assert (here / os.fsdecode(link)).resolve() == here
    assert not (here / "M").is_symlink()


def test_nothing_is_written_through_a_link_that_lies_in_the_local_folder(
    host, there, here, outside
):
    (here / "link").symlink_to(outside)
    (here / "sub").mkdir()
    (here / "sub" / "link").symlink_to(outside)
    names = [b"link/evil", b"sub/link/evil"]
    entries = [(b"f", len(EVIL), b"./" + name, b"") for name in names]

    with (
        program(host, "find", listed(entries)),
        program(host, "tar", sent({"./" + name.decode(): EVIL for name in names})),
    ):
        for big in (2**30, 1):
            synced = fetch(host, here, "results", big=big)
            assert dict(synced.skipped).keys() == {name.decode() for name in names}

    assert list(outside.iterdir()) == []


def test_a_staging_folder_that_is_a_link_is_refused(host, there, here, outside):
    (here / STAGE).symlink_to(outside)

    with pytest.raises(errors.BadSetting, match="cannot be written"):
        fetch(host, here, "results")

    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(host, there, here, outside):
    (outside / "precious").write_text("precious")
    (here / "true").symlink_to(outside / "precious")

    fetch(host, here, "results")

    assert (here / "true").read_text() == "true"
    assert not (here / "true").is_symlink()
    assert (outside / "precious").read_text() == "precious"


def test_nothing_is_deleted_through_a_link(host, there, here, outside):
    (outside / "precious").write_text("precious")
    (here / "link").symlink_to(outside)
    delete = frozenset({b"link/precious", b"../outside/precious", b"link"})

    fetch(host, here, "results", delete=delete)

    assert (outside / "precious").read_text() == "precious"
    assert not (here / "link").is_symlink()


@pytest.mark.parametrize(
    "name",
    [b"/etc/x", b"./../x", b"./a/../../x", b"./a//b", b".//etc/x", b"x", b"", b"./", b"./a/."],
)
def test_a_listing_with_a_name_outside_the_folder_is_refused(host, there, here, name):
    with (
        program(host, "find", listed([(b"f", 1, name, b"")])),
        pytest.raises(errors.CommandFailed, match="does not lie in the folder"),
    ):
        fetch(host, here, "results")

    assert lies_in(here.parent) == {b"results": "folder"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([b"f", b"9" * 5000, b"0.0", b"644", b"./a", b""], "is not a size"),
        ([b"f", b"-1", b"0.0", b"644", b"./a", b""], "is not a size"),
        ([b"f", b"1", b"9" * 5000, b"644", b"./a", b""], "is not a time"),
        ([b"f", b"1", b"now", b"644", b"./a", b""], "not valid"),
        ([b"f", b"1", b"0.0", b"rwx", b"./a", b""], "not valid"),
        ([b"f", b"1", b"0.0", b"644", b"./" + b"a" * 70_000, b""], "a name has 70,000 bytes"),
        ([b"f", b"1", b"0.0", b"644"], "a name is incomplete"),
    ],
)
def test_a_listing_that_is_not_valid_is_an_error_of_two_lines(words, why):
    data = b"folder\n5\n" + b"".join(word + b"\0" for word in words) + b"end\0"

    with pytest.raises(errors.CommandFailed, match=why):
        listing.parse_listing(data)
    with pytest.raises(errors.CommandFailed, match="is not a size"):
        listing.parse_listing(b"folder\nmuch\nend\0")


def test_a_time_of_another_age_costs_one_file(host, there, here):
    entries = [(b"f", 4, b"./old", b""), (b"f", 4, b"./true", b"")]
    age = listed(entries).replace("1700000000.5", "9" * 22 + ".5", 1)
    with (
        program(host, "find", age),
        program(host, "tar", sent({"./old": b"true", "./true": b"true"})),
    ):
        synced = fetch(host, here, "results")

    assert dict(synced.skipped).keys() == {"old"}
    assert (here / "true").read_bytes() == b"true"


@pytest.mark.parametrize("output", ["yes", "cat /dev/zero", "yes ./a | tr '\\n' '\\0'"])
def test_a_listing_without_end_is_an_error(host, there, here, monkeypatch, output):
    monkeypatch.setattr(listing, "MAX_BYTES", 2**22)

    with (
        program(host, "find", f'case "$*" in *-ignore_readdir_race*) ;; *) exit;; esac; {output}'),
        pytest.raises(errors.CommandFailed, match="more than 4,194,304 bytes"),
    ):
        blocking.wait_for(plan_download(SyncJob(host.login, here, "results")))


def test_a_listing_of_more_names_than_any_folder_has_is_an_error(monkeypatch):
    monkeypatch.setattr(listing, "MAX_ENTRIES", 10)
    entry = b"f\0" + b"1\0" + b"0.0\0" + b"644\0" + b"./a\0" + b"\0"

    with pytest.raises(errors.CommandFailed, match="more than 10 names"):
        listing.parse_listing(b"folder\n5\n" + entry * 11 + b"end\0")


@pytest.mark.parametrize(
    "rest",
    [
        "[out.write(bytes(2**20)) for _ in iter(int, 1)]",
        "[out.write(os.urandom(2**16)) for _ in iter(int, 1)]",
        "[out.write(b'./true' + bytes(506)) for _ in iter(int, 1)]",
    ],
    ids=["zeros", "random", "headers"],
)
def test_a_tar_stream_without_end_is_left(host, there, here, rest):
    with program(host, "tar", sent({}, rest=rest)):
        synced = fetch(host, here, "results")

    assert dict(synced.skipped) == {"true": "it is not readable, or keeps changing"}
    assert fetch(host, here, "results").files == 1


def test_a_big_file_without_end_is_left(host, there, here):
    with program(host, "tail", "yes"):
        synced = fetch(host, here, "results", big=1)

    assert dict(synced.skipped) == {"true": "it is not readable, or keeps changing"}
    assert not (here / "true").exists()


def test_a_shell_that_never_stops_its_greeting_is_an_error(host, there, here):
    with (
        program(host, "sh", "yes welcome"),
        pytest.raises(errors.CommandFailed, match="prints too much"),
    ):
        fetch(host, here, "results")


def test_an_endless_answer_to_a_short_question_is_an_error(host):
    async def ask():
        remote = await connection.connect_shared(host.login)
        await shell.run_script(remote, f"{shell.BEGIN}yes\n", max_bytes=2**20)

    with pytest.raises(errors.CommandFailed, match="more than 1,048,576 bytes in place of a short"):
        blocking.wait_for(ask())


def test_more_than_was_asked_for_is_ignored(host, there, here, outside):
    names = ["../evil", str(outside / "evil"), "./other", "./true/../../evil"]
    with program(host, "tar", sent(dict.fromkeys(names, b"evil") | {"./true": b"true"})):
        fetch(host, here, "results")

    assert lies_in(here).keys() == {b"true"}
    assert list(outside.iterdir()) == []
    assert [each.name for each in here.parent.iterdir()] == ["results"]


def test_no_program_of_the_instance_arrives_with_more_rights(host, there, here):
    (there / "true").chmod(0o6777)

    fetch(host, here, "results")

    assert (here / "true").stat().st_mode & 0o7777 == 0o775
