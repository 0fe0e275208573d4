from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dl_magics import errors
from support.images import write_photos


@pytest.fixture
def pets(run):
    names = [f"{name}/p{n // 2}_{n}.jpg" for name in ("cats", "dogs") for n in range(10)]
    write_photos(Path("data/pets"), names)
    return Path("data/pets")


def read_files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def list_names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def test_the_table_is_shown_before_the_folders_are_created(run, pets, capsys):
    assert run("%split_data data/pets --test 0.1 --sample 2") is None

    table, _, said = capsys.readouterr().out.partition("\nCreated")
    assert table.splitlines() == [
        "data/pets into data/pets-split",
        "class  train  valid  test  sample/train  sample/valid",
        "cats   7      2      1     2             1",
        "dogs   7      2      1     2             1",
        "all    14     4      2     4             2",
    ]
    assert said == (
        " 26 hard links in data/pets-split. %split_data --undo data/pets-split removes them.\n"
    )
    assert len(list_names(Path("data/pets-split"))) == 26


def test_the_same_line_again_does_nothing_and_undo_removes_all(run, pets, capsys):
    before = read_files(Path("data"))
    run("%split_data data/pets --sample 3")
    capsys.readouterr()

    run("%split_data data/pets --sample 3")
    assert "Nothing to do: data/pets-split has this split already." in capsys.readouterr().out
    with pytest.raises(errors.BadData, match="holds another split"):
        run("%split_data data/pets --seed 7")
    assert run("%split_data --undo data/pets-split").startswith("Removed 28 files that")

    assert read_files(Path("data")) == before


def test_a_dry_run_returns_the_table_only(run, pets):
    split = run(r"%split_data data/pets --group 'p\d+' --to elsewhere --dry-run")

    assert split.counts["valid"] == {"cats": 2, "dogs": 2}
    assert "20 images are kept beside those that they belong to." in repr(split)
    assert "elsewhere" in split._repr_html_()
    assert not Path("elsewhere").exists()


def test_the_explained_commands_create_the_same_folders(run, pets):
    script = run("%split_data data/pets --sample 2 --copy --explain")
    assert not Path("data/pets-split").exists()
    subprocess.run(["sh", "-ec", script], check=True)
    made = list_names(Path("data/pets-split"))

    run("%split_data data/pets --sample 2 --to again")

    assert made == list_names(Path("again"))
    assert "removes each file that again/split.json lists" in run(
        "%split_data --undo again --explain"
    )


def test_files_that_are_left_out_are_named(run, pets, capsys):
    (pets / "cats" / "page.jpg").write_text("<!doctype html>")

    run("%split_data data/pets")

    assert "1 file is left out: cats/page.jpg (not an image (web page))" in capsys.readouterr().out


def test_wrong_arguments_are_refused(run, pets):
    with pytest.raises(errors.BadSetting, match=r"--valid must be a fraction .* got 1\.5"):
        run("%split_data data/pets --valid 1.5")
    with pytest.raises(errors.BadSetting, match="--column age is a column of a list"):
        run("%split_data data/pets --column age")
    with pytest.raises(errors.BadSetting, match="has no name"):
        run("%split_data .")
    with pytest.raises(errors.BadData, match="is not a folder that %split_data created"):
        run("%split_data --undo data/pets")
