from __future__ import annotations

from dl_magics.store import ledger, paths


def test_every_entry_is_read_back_and_an_incomplete_line_is_skipped():
    ledger.append(did="created", what="instance")
    with (paths.data_folder() / "ledger.jsonl").open("a") as file:
        file.write('{"did": "ma')

    ledger.append(did="deleted", what="instance")

    assert [entry["did"] for entry in ledger.read_entries()] == ["created", "deleted"]
