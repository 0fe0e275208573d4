from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from dl_magics import errors
from dl_magics.actions.gpu import sync
from support.ec2_client import until


@pytest.fixture
def there(rented, tmp_path, monkeypatch, aws_shell):
    from dl_magics.magics.sync import SyncMagics

    aws_shell.register_magics(SyncMagics)
    (tmp_path / "notebooks" / "data" / "cats").mkdir(parents=True)
    (tmp_path / "notebooks" / "data" / "cats" / "1.jpg").write_bytes(b"meow")
    monkeypatch.chdir(tmp_path / "notebooks")
    return rented.home


def test_files_go_there_and_back_under_the_same_paths(there, run, tmp_path):
    sent = run("%sync up data/cats")

    assert (there / "data" / "cats" / "1.jpg").read_bytes() == b"meow"
    assert repr(sent).startswith(f"{tmp_path}/notebooks/data/cats → ")
    assert "1 files (4 bytes)" in repr(sent)
    assert repr(sent)[:20] in sent._repr_html_()

    os.chdir(tmp_path)
    run("%sync down data/cats")
    assert (tmp_path / "data" / "cats" / "1.jpg").read_bytes() == b"meow"

    run("%sync down data/cats/1.jpg --to copy.jpg/1.jpg")
    assert (tmp_path / "copy.jpg" / "1.jpg").read_bytes() == b"meow"

    run(f"%sync up {tmp_path}/notebooks/data")
    run("%sync up notebooks/data/cats/1.jpg --to ~/elsewhere/")
    assert (there / "data" / "cats" / "1.jpg").exists()
    assert (there / "elsewhere" / "1.jpg").exists()

    (there / "data" / "cats" / "old").write_text("x")
    with pytest.raises(errors.NotConfirmed, match=r"Deletes 1 in .*: old"):
        run("%sync up notebooks/data/cats --to data/cats --delete")
    assert (there / "data" / "cats" / "old").exists()
    deleted = run("%sync up notebooks/data/cats --to data/cats --delete -y")
    assert "Deleted: old" in repr(deleted)
    assert not (there / "data" / "cats" / "old").exists()


def test_a_name_that_is_not_here_costs_two_lines(there, run):
    with pytest.raises(errors.NoSuchFile, match="no file or folder 'dta'"):
        run("%sync up dta")
    with pytest.raises(errors.NoSuchFile, match="gpu:dta does not exist on the host"):
        run("%sync down dta")
    with pytest.raises(errors.BadSetting, match="PATH is empty: ''"):
        run("%sync down ''")


def test_names_are_quoted_as_in_a_shell(there, run):
    Path("sp ace.txt").write_text("x")

    run('%sync up "sp ace.txt" --to="in a folder/"')
    run(r"%sync up sp\ ace.txt --to it\'s")
    Path("bad\udcff.bin").write_text("x")
    sent = run("%sync up bad\udcff.bin")

    assert (there / "in a folder" / "sp ace.txt").read_text() == "x"
    assert (there / "it's").read_text() == "x"
    assert (there / "bad\udcff.bin").read_text() == "x"
    assert r"gpu:bad\xff.bin: 1 files" in repr(sent)
    with pytest.raises(errors.BadSetting, match="no closing quotation in: up it's"):
        run("%sync up it's")


def test_two_at_once_do_not_disturb_each_other(there, run):
    first = sync.run_job("up", sync.make_job("up", "data/cats"))
    next(first)

    with pytest.raises(errors.WrongState, match="Another %sync up to gpu:data/cats"):
        run("%sync up data/cats/1.jpg")
    list(first)

    assert (there / "data" / "cats" / "1.jpg").read_bytes() == b"meow"
    run("%sync up data/cats/1.jpg")


def test_an_interrupt_keeps_what_was_copied_and_the_same_line_goes_on(there, run):
    for n in range(3000):
        Path("data", "cats", f"{n}.png").write_bytes(b"meow" * 100)

    def interrupt():
        until(lambda: any(path.is_file() for path in there.rglob("*.png")))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt) as raised:
        run("%sync up data")
    run("%sync up data")

    assert raised.value._render_traceback_() == [
        "KeyboardInterrupt: Interrupted: what was copied is kept.",
        "  The same line goes on: %sync up data",
    ]
    assert len(list((there / "data" / "cats").glob("*.png"))) == 3000


def test_a_file_where_a_folder_is_can_be_replaced_after_a_question(there, run):
    (there / "data" / "cats" / "1.jpg" / "deep").mkdir(parents=True)

    assert "1.jpg (the destination has a folder of this name; --replace replaces it)" in repr(
        run("%sync up data")
    )
    with pytest.raises(errors.NotConfirmed, match=r"Replaces 2 of another type in .*: cats/1.jpg"):
        run("%sync up data --replace")
    run("%sync up data --replace -y")

    assert (there / "data" / "cats" / "1.jpg").read_bytes() == b"meow"
