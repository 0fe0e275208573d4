from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from dl_magics.aws.billing import usage
from dl_magics.core.instance import Instance
from dl_magics.store import paths

DAY = 86_400


def session(region: str = "us-east-1", profile: str = "default", account: str = "1" * 12):
    """The door to AWS, as far as a view of an instance names it."""
    named = SimpleNamespace(name=profile, config_file=None)
    return SimpleNamespace(region=region, profile=named, account_id=account)


def view(id_: str = "i-1", at: float = 2e9, **changes) -> Instance:
    values = {"state": "running", "type": "g4dn.xlarge", "launched_at": 2e9 - 600, **changes}
    return Instance(id=id_, name="gpu", seen_at=at, **values)


def written() -> list[dict]:
    return json.loads((paths.data_folder() / usage.FILE_NAME).read_text())


def test_a_view_is_kept_for_later_processes():
    usage.note(session(), [view()])

    (kept,) = written()

    assert (kept["id"], kept["name"], kept["history"][0]["began_at"]) == ("i-1", "gpu", 2e9 - 600)
    assert usage.read_history(view(at=2e9 + 5))[0].ended_at == 2e9 + 5


def test_what_only_became_longer_is_written_once_a_minute():
    usage.note(session(), [view()])
    before = (paths.data_folder() / usage.FILE_NAME).stat()

    usage.note(session(), [view(at=2e9 + 30)])
    soon = (paths.data_folder() / usage.FILE_NAME).stat()
    usage.note(session(), [view(at=2e9 + 61)])

    assert soon.st_ino == before.st_ino
    assert written()[0]["history"][0]["ended_at"] == 2e9 + 61


def test_the_usage_of_a_place_is_listed_and_that_of_its_profile_everywhere():
    usage.note(session(), [view("i-1")])
    usage.note(session("eu-west-1"), [view("i-2")])
    usage.note(session(profile="work"), [view("i-3")])

    def ids(*, everywhere: bool) -> set[str]:
        return {each.id for each in usage.list_usage(session(), everywhere=everywhere)}

    assert ids(everywhere=False) == {"i-1"}
    assert ids(everywhere=True) == {"i-1", "i-2"}


def test_the_usage_of_an_account_is_listed_whatever_profile_saw_it_and_of_no_other():
    first, second = "1" * 12, "2" * 12
    usage.note(session(profile="home"), [view("i-1", owner=first)])
    usage.note(session(profile="home", account=second), [view("i-2", owner=second)])

    seen = usage.list_usage(session(profile="other name of it"))
    of_the_second = usage.list_usage(session(profile="home", account=second))

    assert [each.id for each in seen] == ["i-1"]
    assert [each.id for each in of_the_second] == ["i-2"]


def test_old_histories_are_dropped():
    usage.note(session(), [view("i-1", at=1e9, launched_at=1e9)])

    usage.note(session(), [view("i-2")])

    assert [each["id"] for each in written()] == ["i-2"]


@pytest.mark.parametrize("content", ["{", "[1]", '[{"id": "i-1"}]'])
def test_a_damaged_file_begins_a_new_history_and_is_kept(content):
    (paths.data_folder() / usage.FILE_NAME).write_text(content)

    usage.note(session(), [view()])

    assert [each["id"] for each in written()] == ["i-1"]
    (kept,) = usage.list_damaged()
    assert kept.read_text() == content


def test_one_history_that_cannot_be_read_leaves_the_others_and_new_fields_leave_their_own():
    usage.note(session(), [view("i-1"), view("i-2"), view("i-3")])
    first, second, third = written()
    first["history"][0]["savings_plan"] = second["owner"] = "of a newer version"
    third["history"] = None
    (paths.data_folder() / usage.FILE_NAME).write_text(json.dumps([first, second, third]))

    usage.note(session(), [view("i-4")])

    assert [each["id"] for each in written()] == ["i-1", "i-2", "i-4"]
    assert "i-3" in usage.list_damaged()[0].read_text()


def test_a_folder_that_cannot_be_written_changes_nothing(home):
    home.write_text("a file")

    usage.note(session(), [view()])

    assert usage.read_history(view())[0].began_at == 2e9 - 600
