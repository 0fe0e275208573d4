"""Which features may be deleted: none that a run needs now, or may be about to need."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from dl_magics.runs import remote_origin
from dl_magics.runs.log import LogWriter
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.storage import clearing, inventory, spaces
from support import run_events

KEYS = [bytes([n]) * 32 for n in range(4)]
VALUES = np.arange(4 * 8, dtype=np.float32).reshape(4, 8)


@pytest.fixture
def store(tmp_path):
    """A store with features of one network, which the run `first` has used."""
    made = open_store(tmp_path)
    with made.writer() as writer:
        writer.add(KEYS, VALUES)
    spaces.record_user(made.folder, "first")
    run_events.write_log(tmp_path / "runs" / "first", run_events.make_events())
    return made


def open_store(home, model="VGG16"):
    return FeatureStore(home / "features", {"model": model, "image_size": 224}, (8,))


def occupied(home):
    return inventory.list_occupied(str(home))


def clear(home, *names):
    return clearing.clear_spaces(names, str(home))


def test_what_is_occupied_is_told_by_network_with_the_runs_that_used_it(tmp_path, store):
    spaces.record_user(store.folder, "first")
    spaces.record_user(store.folder, "deleted")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg16.h5").write_bytes(bytes(1000))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "0123456789ab-my_model.keras").write_bytes(bytes(2000))

    found = occupied(tmp_path)

    (space,) = found["spaces"]
    assert (space["model"], space["image_size"], space["runs"]) == ("VGG16", "224", ["first"])
    assert space["size"] >= 4 * store.record_bytes
    assert not space["is_needed"]
    assert [each["name"] for each in found["runs"]] == ["first"]
    assert (found["weights"], found["models"]) == (1000, 2000)
    assert found["free"] > 0


def test_a_computer_without_our_folder_has_nothing(tmp_path):
    found = occupied(tmp_path / "none")

    assert (found["spaces"], found["runs"], found["weights"]) == ([], [], 0)


def test_deleted_features_are_computed_again_and_the_others_stay(tmp_path, store):
    other = open_store(tmp_path, "ResNet50")

    done = clear(tmp_path, store.folder.name)

    assert done["freed"] >= 4 * store.record_bytes
    assert done["kept"] == []
    assert KEYS[0] not in open_store(tmp_path)
    assert other.folder.is_dir()


@pytest.mark.parametrize("starting", [False, True], ids=["a run uses it", "a run is starting"])
def test_what_a_run_that_goes_on_needs_is_kept(tmp_path, store, starting):
    name = "second" if starting else "first"
    (tmp_path / "runs" / name).mkdir(exist_ok=True)

    with LogWriter(tmp_path / "runs" / name):
        needed = occupied(tmp_path)["spaces"][0]["is_needed"]
        done = clear(tmp_path, store.folder.name)

    assert needed
    assert done == {"freed": 0, "kept": [store.folder.name]}
    assert (open_store(tmp_path).get(KEYS) == VALUES).all()


def test_a_run_that_starts_while_its_features_are_moved_away_gets_them_back(tmp_path, store):
    again, late = open_store(tmp_path), tmp_path / "features" / "aside"
    store.folder.rename(late)
    fresh = open_store(tmp_path)
    with fresh.writer() as writer:
        writer.add([b"n" * 32], VALUES[:1])

    clearing._put_back(late, store.folder)

    found = open_store(tmp_path)
    assert (found.get(KEYS) == VALUES).all()
    assert b"n" * 32 in found
    assert not late.exists()
    assert again.folder == found.folder


def test_a_run_on_a_host_needs_no_features_of_this_computer(tmp_path, store):
    remote_origin.save(tmp_path / "runs" / "first", run_events.ORIGIN)

    with LogWriter(tmp_path / "runs" / "first"):
        done = clear(tmp_path, store.folder.name)

    assert done["kept"] == []


@pytest.mark.parametrize("name", ["..", "", "../runs/first", "space.json", "0" * 24])
def test_nothing_but_a_space_is_deleted(tmp_path, store, name):
    before = sorted(tmp_path.rglob("*"))

    assert clear(tmp_path, name) == {"freed": 0, "kept": []}

    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_that_is_removed_meanwhile_is_empty(tmp_path, store):
    shutil.rmtree(store.folder)

    spaces.record_user(store.folder, "late")

    assert spaces.read_users(store.folder) == []
    assert spaces.read_description(store.folder) == {}


def test_runs_are_deleted_by_name_and_one_that_trains_is_kept(tmp_path):
    for name in ("done", "training", "other"):
        run_events.write_log(tmp_path / "runs" / name, run_events.make_events())

    with LogWriter(tmp_path / "runs" / "training"):
        found = clearing.clear_runs(["done", "training", "missing"], str(tmp_path))

    assert found["kept"] == ["training"]
    assert found["freed"] > 0
    assert sorted(each.name for each in (tmp_path / "runs").iterdir()) == ["other", "training"]


@pytest.mark.parametrize("name", ["..", ".", "../outside", "/outside", "link", ""])
def test_no_name_of_a_run_leads_out_of_their_folder(tmp_path, name):
    (tmp_path / "outside").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "outside")

    clearing.clear_runs([name], str(tmp_path))

    assert (tmp_path / "outside").is_dir()
    assert (tmp_path / "runs").is_dir()
