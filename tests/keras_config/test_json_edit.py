from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dl_magics.keras_config import json_edit

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["}", ",", '"', "\\", ":", "{"])
)
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=8
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=6)
LAYOUTS = st.sampled_from(
    [
        {},
        {"indent": 4},
        {"indent": 0},
        {"indent": "\t", "ensure_ascii": False},
        {"separators": (",", ":")},
    ]
)


@settings(max_examples=50)
@given(OBJECTS, OBJECTS, LAYOUTS)
@example({}, {"backend": "jax"}, {})
@example({"": {}}, {"": 1}, {"indent": 4})
def test_any_object_has_the_new_members_and_all_the_others(before, changes, layout):
    text = json.dumps(before, **layout)

    after = json.loads(json_edit.changed(text, changes))

    assert after == {**before, **changes}
    assert list(after) == [*before, *(key for key in changes if key not in before)]


@settings(max_examples=50)
@given(OBJECTS, OBJECTS, LAYOUTS)
def test_a_member_that_is_not_changed_keeps_every_character(before, changes, layout):
    text = f" \n{json.dumps(before, **layout)}\t"

    after = json_edit.changed(text, changes)

    _, old, _ = json_edit._split(text)
    _, new, _ = json_edit._split(after)
    assert [each.value for each in old if each.key not in changes] == [
        each.value for each in new if each.key not in changes
    ]
    assert [each.key for each in new][: len(old)] == [each.key for each in old]
    assert json_edit.changed(text, {}) == text


@settings(max_examples=50)
@given(OBJECTS, OBJECTS, LAYOUTS)
def test_what_was_added_can_be_taken_out_again(before, changes, layout):
    text = json.dumps(before, **layout)
    new = frozenset(changes) - before.keys()

    after = json_edit.without(json_edit.changed(text, changes), new)

    assert json.loads(after) == {**before, **{k: v for k, v in changes.items() if k in before}}


@pytest.mark.parametrize("number", ["1e400", "1E5", "-0.0", "1.10", "100000000000000000000000"])
def test_a_number_is_kept_as_it_was_written(number):
    text = f'{{"odd": {number}, "backend": "tf"}}'

    assert json_edit.changed(text, {"backend": "jax"}) == f'{{"odd": {number}, "backend": "jax"}}'


def test_of_a_key_that_stands_twice_the_last_counts_and_is_changed():
    after = json_edit.changed('{"a": 1, "a": 2}', {"a": 3})

    assert after == '{"a": 1, "a": 3}'


def test_new_members_stand_as_the_others_do():
    after = json_edit.changed('{\n  "a": 1\n}\n', {"b": 2})

    assert after == '{\n  "a": 1,\n  "b": 2\n}\n'
