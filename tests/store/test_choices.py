from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dl_magics.errors import DamagedFile
from dl_magics.store import home


def test_what_was_chosen_is_found_again():
    home.choose(color="green")

    assert home.choose(size=3) == {"color": "green", "size": 3}
    assert home.choices() == {"color": "green", "size": 3}


def test_none_takes_a_choice_back():
    home.choose(color="green")

    home.choose(color=None)

    assert home.choices() == {}


@pytest.mark.parametrize("text", ["{broken", "[]", ""])
def test_a_damaged_file_is_set_aside_and_named(text):
    (home.folder() / "choices.json").write_text(text)

    with pytest.raises(DamagedFile) as said:
        home.choices()

    (aside,) = home.folder().glob("choices.damaged-*.json")
    assert str(aside) in str(said.value)
    assert aside.read_text() == text
    assert home.choices() == {}


def test_a_file_of_a_newer_version_is_left_as_it_is():
    text = json.dumps({"version": 99, "color": "green"})
    (home.folder() / "choices.json").write_text(text)

    with pytest.raises(DamagedFile, match="newer"):
        home.choose(color="red")

    assert (home.folder() / "choices.json").read_text() == text


def test_the_ledger_keeps_every_line_and_survives_a_torn_one():
    home.note(did="made", what="instance")
    with (home.folder() / "ledger.jsonl").open("a") as file:
        file.write('{"did": "ma')

    home.note(did="gave back", what="instance")

    assert [entry["did"] for entry in home.ledger()] == ["made", "gave back"]


def test_ten_processes_at_once_lose_no_choice():
    code = "import sys; from dl_magics.store import home; home.choose(**{sys.argv[1]: 1})"
    started = [subprocess.Popen([sys.executable, "-c", code, f"key{n}"]) for n in range(10)]

    codes = [process.wait() for process in started]

    assert codes == [0] * 10
    assert home.choices() == {f"key{n}": 1 for n in range(10)}


def test_our_files_are_for_their_owner_only():
    home.choose(color="green")

    assert (home.folder() / "choices.json").stat().st_mode & 0o077 == 0
