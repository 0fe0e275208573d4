from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dl_magics.errors import BadSetting, CannotChange
from dl_magics.keras_config import keras_json

KERAS_3 = {"backend": "tensorflow", "floatx": "float32", "epsilon": 1e-07}
SEED = '{"backend": "theano", "image_dim_ordering": "th"}'
KEYS = ("backend", "image_data_format", "image_dim_ordering", "floatx", "epsilon")
FOREIGN = st.dictionaries(
    st.text().filter(lambda key: key not in KEYS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=5,
    ),
    max_size=5,
)
OURS = st.fixed_dictionaries(
    {},
    optional={
        "backend": st.sampled_from(["tensorflow", "theano", "cntk", "", None, 3]),
        "image_data_format": st.sampled_from(["channels_first", "channels_last", "odd", None]),
        "image_dim_ordering": st.sampled_from(["th", "tf", "odd", 7]),
        "floatx": st.sampled_from(["float16", "float99", []]),
        "epsilon": st.sampled_from([1e-7, 1, "1e-7", None]),
    },
)


@contextmanager
def unprivileged():
    """Run as a user to whom file permissions apply, unlike root."""
    if os.getuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def put(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def in_it(file):
    return json.loads(file.read_text("utf-8"))


def beside(file):
    return sorted(each.name for each in file.parent.iterdir())


def test_the_ordering_is_written_under_both_names(file):
    keras_json.write_settings(file, {"image_data_format": "channels_first"})

    assert in_it(file) == {"image_data_format": "channels_first", "image_dim_ordering": "th"}


def test_a_change_is_reported_key_by_key(file):
    put(file, json.dumps(KERAS_3 | {"image_data_format": "channels_last"}))

    change = keras_json.write_settings(file, {"backend": "jax", "floatx": "float32"})

    assert change.changed == {"backend": ("tensorflow", "jax")}


@pytest.mark.parametrize(
    "ordering",
    [
        {},
        {"image_dim_ordering": "th"},
        {"image_data_format": "channels_first"},
        {"image_dim_ordering": "th", "image_data_format": "channels_last"},
    ],
)
def test_an_ordering_that_is_not_named_stays_as_it_is(file, ordering):
    put(file, json.dumps({"backend": "theano", **ordering}))

    keras_json.write_settings(file, {"backend": "tensorflow", "epsilon": 1e-6})

    assert in_it(file) == {"backend": "tensorflow", **ordering, "epsilon": 1e-6}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(FOREIGN, OURS, st.sampled_from([None, 4]))
def test_foreign_keys_are_kept_in_value_and_order(file, foreign, ours, indent):
    put(file, json.dumps({**foreign, **ours}, indent=indent))
    before = list(in_it(file).items())

    keras_json.write_settings(file, {"floatx": "float64", "image_data_format": "channels_first"})

    after = in_it(file)
    assert after["floatx"] == "float64"
    assert (after["image_data_format"], after["image_dim_ordering"]) == ("channels_first", "th")
    kept = [(key, value) for key, value in after.items() if key in dict(before)]
    assert [key for key, _ in kept] == [key for key, _ in before]
    changed = ("floatx", "image_data_format", "image_dim_ordering")
    assert [json.dumps(pair) for pair in kept if pair[0] not in changed] == [
        json.dumps(pair) for pair in before if pair[0] not in changed
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(FOREIGN, OURS)
def test_undo_restores_every_character_and_twice_redoes_the_change(file, foreign, ours):
    put(file, json.dumps({**foreign, **ours}, indent=1))
    before = file.read_text("utf-8")
    keras_json.write_settings(file, {"floatx": "float64", "epsilon": 0.5})
    after = file.read_text("utf-8")

    keras_json.undo_change(file)
    undone = file.read_text("utf-8")
    keras_json.undo_change(file)

    assert undone == before
    assert file.read_text("utf-8") == after


def test_undo_of_the_first_write_leaves_no_file(file):
    keras_json.write_settings(file, {"backend": "jax"})

    change = keras_json.undo_change(file)

    assert change.changed["backend"] == ("jax", None)
    assert not file.exists()


def test_undo_restores_the_previous_file_also_after_a_change_of_another_program(file):
    before = '{"backend": "torch", "floatx": "float32", "theirs": 1}'
    put(file, before)
    keras_json.write_settings(file, {"backend": "jax"})
    put(file, "{")

    keras_json.undo_change(file)
    assert file.read_text() == before

    keras_json.undo_change(file)
    assert file.read_text() == "{"


def test_the_file_is_written_as_keras_writes_it(file):
    put(file, '{"b":1,"backend":"jax","image_data_format":"channels_last"}')

    keras_json.write_settings(file, {"floatx": "float16"})

    assert file.read_text() == json.dumps(in_it(file), indent=4) + "\n"
    assert next(iter(in_it(file))) == "b"


@pytest.mark.parametrize("kept", [None, "{", "[]", "{}"])
def test_undo_without_a_change_is_refused(file, kept):
    put(file, SEED)
    if kept is not None:
        file.with_name("keras.json.undo").write_text(kept)

    with pytest.raises(BadSetting, match="no change to undo"):
        keras_json.undo_change(file)


def test_writing_the_same_settings_again_changes_nothing(file):
    keras_json.write_settings(file, {"backend": "jax"})
    keras_json.undo_change(file)
    keras_json.undo_change(file)
    before = file.stat().st_mtime_ns

    change = keras_json.write_settings(file, {"backend": "jax"})

    assert change.changed == {}
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["{broken", "[1, 2]", '"tf"', "\x00", "[" * 100_000, '{"a": 1}}'])
def test_a_damaged_file_is_moved_aside(file, text):
    put(file, text)

    change = keras_json.write_settings(file, {"backend": "jax"})

    assert in_it(file)["backend"] == "jax"
    (aside,) = [each for each in file.parent.iterdir() if "damaged" in each.name]
    assert str(aside) == change.moved_to
    assert aside.read_text() == text


def test_a_file_that_is_not_utf_8_is_moved_aside_unchanged(file):
    put(file, "")
    file.write_bytes(b'{"a": "\xff\xfe"}')

    change = keras_json.write_settings(file, {"backend": "jax"})

    assert "damaged" in change.moved_to
    with open(change.moved_to, "rb") as aside:  # noqa: PTH123 - a path of theirs
        assert aside.read() == b'{"a": "\xff\xfe"}'


def test_an_empty_file_is_not_moved_aside(file):
    put(file, " \n")

    assert keras_json.write_settings(file, {"backend": "jax"}).moved_to == ""


def test_a_byte_order_mark_is_removed(file):
    put(file, '\ufeff{"backend": "jax", "mine": 1}')
    assert keras_json.read_file(file).damaged == "it starts with a byte order mark"

    keras_json.write_settings(file, {"backend": "torch"})

    assert not keras_json.read_file(file).damaged
    assert in_it(file)["mine"] == 1


def test_a_link_stays_a_link_and_its_target_is_written(file, tmp_path):
    target = tmp_path / "dotfiles" / "keras.json"
    put(target, SEED).chmod(0o640)
    file.parent.mkdir()
    file.symlink_to(target)

    keras_json.write_settings(file, {"backend": "jax"})

    assert file.is_symlink()
    assert in_it(target)["backend"] == "jax"
    assert target.stat().st_mode & 0o777 == 0o640
    assert beside(file) == ["keras.json"]


def test_a_dangling_link_gets_its_target(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "later" / "keras.json")

    keras_json.write_settings(file, {"backend": "jax"})

    assert file.is_symlink()
    assert in_it(tmp_path / "later" / "keras.json")["backend"] == "jax"


def test_a_folder_in_its_place_is_refused(file):
    file.mkdir(parents=True)

    with pytest.raises(CannotChange, match="Is a directory"):
        keras_json.write_settings(file, {"backend": "jax"})

    assert file.is_dir()


def test_a_link_to_itself_is_refused(file):
    file.parent.mkdir()
    file.symlink_to(file)

    with pytest.raises(CannotChange):
        keras_json.write_settings(file, {"backend": "jax"})


def test_a_folder_that_cannot_be_created_is_refused(tmp_path):
    (tmp_path / "a file").write_text("")

    with pytest.raises(CannotChange, match="cannot be changed"):
        keras_json.write_settings(tmp_path / "a file" / "keras" / "keras.json", {"backend": "jax"})


def test_a_folder_that_is_read_only_is_refused_and_nothing_is_changed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("read-only")
    file = put(folder / "keras.json", SEED)
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
    folder.chmod(0o555)

    with unprivileged(), pytest.raises(CannotChange, match="Permission denied"):
        keras_json.write_settings(file, {"backend": "jax"})

    folder.chmod(0o755)
    assert file.read_text() == SEED
    assert beside(file) == ["keras.json"]


def test_concurrent_writers_lose_no_change(file):
    put(file, '{"mine": 1}')
    program = (
        "import sys; from pathlib import Path; from dl_magics.keras_config import keras_json\n"
        "for n in range(40): keras_json.write_settings(Path(sys.argv[1]), "
        "{sys.argv[2]: sys.argv[3] + str(n)})"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(file), key, "value"])
        for key in ("one", "two", "three")
    ]
    while any(each.poll() is None for each in started):
        assert in_it(file)["mine"] == 1

    assert [each.returncode for each in started] == [0, 0, 0]
    assert {key: in_it(file)[key] for key in ("mine", "one", "two", "three")} == {
        "mine": 1,
        "one": "value39",
        "two": "value39",
        "three": "value39",
    }
    assert beside(file) == ["keras.json", "keras.json.undo"]


def test_keras_home_is_read_by_all_but_keras_1(file, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))

    assert keras_json.find_path(3) == keras_json.find_path(2) == file
    assert keras_json.find_path(1) == tmp_path / ".keras" / "keras.json"


def test_without_a_writable_home_the_file_is_in_tmp(monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", "/nowhere/at/all")

    assert str(keras_json.find_path(3)) == "/tmp/.keras/keras.json"
