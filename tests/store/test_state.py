from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dl_magics.errors import DamagedFile
from dl_magics.store import ledger, paths, state


def test_what_was_chosen_is_found_again():
    state.choose(color="green")

    assert state.choose(size=3) == {"color": "green", "size": 3}
    assert state.choices() == {"color": "green", "size": 3}


def test_none_takes_a_choice_back():
    state.choose(color="green")

    state.choose(color=None)

    assert state.choices() == {}


@pytest.mark.parametrize("text", ["{broken", "[]", ""])
def test_a_damaged_file_is_set_aside_and_named(text):
    (paths.data_folder() / "choices.json").write_text(text)

    with pytest.raises(DamagedFile) as said:
        state.choices()

    (aside,) = paths.data_folder().glob("choices.damaged-*.json")
    assert str(aside) in str(said.value)
    assert aside.read_text() == text
    assert state.choices() == {}


def test_a_file_of_a_newer_version_is_left_as_it_is():
    text = json.dumps({"version": 99, "color": "green"})
    (paths.data_folder() / "choices.json").write_text(text)

    with pytest.raises(DamagedFile, match="newer"):
        state.choose(color="red")

    assert (paths.data_folder() / "choices.json").read_text() == text


def test_the_ledger_keeps_every_line_and_survives_a_torn_one():
    ledger.append(did="made", what="instance")
    with (paths.data_folder() / "ledger.jsonl").open("a") as file:
        file.write('{"did": "ma')

    ledger.append(did="gave back", what="instance")

    assert [entry["did"] for entry in ledger.read_entries()] == ["made", "gave back"]


def test_ten_processes_at_once_lose_no_choice():
    code = "import sys; from dl_magics.store import state; state.choose(**{sys.argv[1]: 1})"
    started = [subprocess.Popen([sys.executable, "-c", code, f"key{n}"]) for n in range(10)]

    codes = [process.wait() for process in started]

    assert codes == [0] * 10
    assert state.choices() == {f"key{n}": 1 for n in range(10)}


def test_our_files_are_for_their_owner_only():
    state.choose(color="green")

    assert (paths.data_folder() / "choices.json").stat().st_mode & 0o077 == 0
