from __future__ import annotations

import time
from itertools import count
from shutil import copy

import numpy as np
import pytest

from dl_magics.data.image_files import ImageFile
from dl_magics.runs.events import PhaseStarted, Progressed
from dl_magics.training.engine.extraction import fill_store, scan_images
from dl_magics.training.engine.feature_store import FeatureStore
from dl_magics.training.engine.inference.compute import Immediate
from support import tiny_keras

SIZE = 16


class Network:
    """Returns mean colours as features, and records its inputs."""

    def __init__(self):
        self.batches = []

    def __call__(self, pixels):
        self.batches.append(pixels)
        return pixels.mean((1, 2), dtype=np.float32)

    @property
    def images(self):
        return sum(map(len, self.batches))


@pytest.fixture
def files(tmp_path):
    return [tiny_keras.photo(tmp_path / "photos" / f"{i:02}.png", "red", i) for i in range(10)]


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features", {}, (3,))


def never():
    return False


def looked_at(paths, copies=0, seed=42):
    broken = {}
    views = scan_images([ImageFile(path, 0) for path in paths], copies, seed, broken)
    return views, broken


def filled(store, paths, *, copies=0, seed=42, batch_size=4, stop=never):
    views, broken = looked_at(paths, copies, seed)
    network = Network()
    events = list(
        fill_store(store, views, SIZE, batch_size, seed, Immediate(network), stop, broken)
    )
    return network, views, broken, events


def test_features_of_each_image_are_computed_once_and_stored(store, files):
    network, views, broken, _ = filled(store, files)

    assert network.images == 10
    assert broken == {}
    np.testing.assert_array_equal(
        store.get([view.key for view in views]),
        np.concatenate(network.batches).mean((1, 2), dtype=np.float32),
    )


def test_images_of_equal_content_share_features(store, files):
    twins = [copy(path, path.with_name(f"twin-{path.name}")) for path in files]

    network, views, _, events = filled(store, [*files, *map(type(files[0]), twins)])

    assert network.images == 10
    assert len(views) == 20
    assert events[0].total == 10


def test_stored_features_are_not_computed_again(store, files):
    filled(store, files)

    network, _, _, events = filled(store, files)

    assert network.images == 0
    assert [type(event) for event in events] == [PhaseStarted]
    assert (events[0].kept, events[0].total) == (10, 10)


def test_only_new_images_are_computed(tmp_path, store, files):
    filled(store, files)
    new = [tiny_keras.photo(tmp_path / "photos" / f"new{i}.png", "blue", i) for i in range(10)]

    network, _, _, events = filled(store, [*new[:5], *files, *new[5:]])

    assert network.images == 10
    assert (events[0].kept, events[0].total) == (10, 20)


def test_moved_and_renamed_images_are_not_computed_again(tmp_path, store, files):
    filled(store, files)
    (tmp_path / "photos").rename(tmp_path / "elsewhere")

    network, _, _, _ = filled(store, sorted((tmp_path / "elsewhere").iterdir()))

    assert network.images == 0


def test_the_events_start_the_phase_and_end_with_full_progress(store, files):
    _, _, _, events = filled(store, files)

    assert events[0] == PhaseStarted(phase="features", total=10, unit="images", kept=0)
    assert all(isinstance(event, Progressed) for event in events[1:])
    assert (events[-1].done, events[-1].total) == (10, 10)
    assert events[-1].seconds_left == 0


def test_progress_includes_stored_features(store, files):
    filled(store, files[:6])

    _, _, _, events = filled(store, files)

    assert (events[-1].done, events[-1].total) == (10, 10)


def test_progress_is_reported_at_most_four_times_per_second(tmp_path, store):
    paths = [tiny_keras.photo(tmp_path / "photos" / f"{i}.png", "green", i) for i in range(120)]
    begun = time.monotonic()

    _, _, _, events = filled(store, paths, batch_size=1)

    seconds = time.monotonic() - begun
    assert len(events) - 1 <= 4 * seconds + 1


def test_all_batches_except_the_last_are_full(store, files):
    files[1].write_bytes(files[1].read_bytes()[:-500])
    files[5].write_bytes(b"\x89PNG\r\n\x1a\n")

    network, _, _, events = filled(store, files, batch_size=3)

    assert [len(batch) for batch in network.batches] == [3, 3, 2]
    assert (events[-1].done, events[-1].total) == (10, 10)


def test_the_network_gets_raw_pixels_of_its_input_size(store, files):
    network, _, _, _ = filled(store, files, batch_size=10)

    (pixels,) = network.batches
    assert pixels.shape == (10, SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    assert pixels[..., 0].mean() > 150 > pixels[..., 1].mean()


@pytest.mark.parametrize("batch_size", [1, 3, 10, 100])
def test_the_batch_size_does_not_change_the_features(tmp_path, store, files, batch_size):
    _, views, _, _ = filled(store, files)
    other = FeatureStore(tmp_path / "other", {}, (3,))

    filled(other, files, batch_size=batch_size)

    keys = [view.key for view in views]
    np.testing.assert_array_equal(other.get(keys), store.get(keys))


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty file"), (b"<html>no</html>", "not an image (web page)")],
)
def test_an_invalid_file_is_reported_before_computation(files, data, reason):
    files[3].write_bytes(data)

    views, broken = looked_at(files)

    assert broken == {files[3]: reason}
    assert len(views) == 9


def test_a_missing_file_is_reported(tmp_path, files):
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")

    _, broken = looked_at([*files, tmp_path / "dangling.png", tmp_path / "photos"])

    assert broken == {
        tmp_path / "dangling.png": "No such file or directory",
        tmp_path / "photos": "Is a directory",
    }


def test_a_file_deleted_before_decoding_is_reported(store, files):
    views, broken = looked_at(files)
    files[2].unlink()

    list(fill_store(store, views, SIZE, 4, 42, Immediate(Network()), never, broken))

    assert broken == {files[2]: "No such file or directory"}
    assert [view.key in store for view in views] == [i != 2 for i in range(10)]


def test_a_file_changed_before_decoding_is_not_stored_under_the_old_key(store, files):
    views, broken = looked_at(files, copies=1)
    tiny_keras.photo(files[2], "blue", 99)

    list(fill_store(store, views, SIZE, 4, 42, Immediate(Network()), never, broken))

    assert broken == {files[2]: "changed while the run went on"}
    assert {view.file.path for view in views if view.key not in store} == {files[2]}


def test_a_damaged_image_is_reported_with_its_copies(store, files):
    files[0].write_bytes(files[0].read_bytes()[:-500])
    copy(files[0], files[7])

    network, _, broken, _ = filled(store, files)

    assert broken.keys() == {files[0], files[7]}
    assert broken[files[0]] == broken[files[7]] == "PNG is cut short"
    assert network.images == 8


def test_a_damaged_image_has_no_augmented_copies(store, files):
    files[0].write_bytes(files[0].read_bytes()[:-500])

    network, _, broken, _ = filled(store, files, copies=2)

    assert broken.keys() == {files[0]}
    assert network.images == 27


def test_if_all_images_are_damaged_nothing_is_computed(store, files):
    for path in files:
        path.write_bytes(path.read_bytes()[:-500])

    network, _, broken, events = filled(store, files)

    assert network.images == 0
    assert len(broken) == 10
    assert events[-1].done == 10


@pytest.mark.parametrize("batches", [1, 2])
def test_a_stop_ends_at_a_batch_and_keeps_computed_features(store, files, batches):
    asked = count(1)

    network, views, _, _ = filled(store, files, stop=lambda: next(asked) == batches)

    assert network.images == 4 * batches
    assert [view.key in store for view in views] == [i < 4 * batches for i in range(10)]


def test_after_a_stop_only_the_missing_features_are_computed(store, files):
    filled(store, files, stop=lambda: True)

    network, _, _, _ = filled(store, files)

    assert network.images == 6


def test_each_augmented_copy_has_its_own_features(store, files):
    network, views, _, events = filled(store, files[:1], copies=3)

    assert len({view.key for view in views}) == 4
    assert [view.copy for view in views] == [0, 1, 2, 3]
    assert network.images == events[0].total == 4
    plain, *augmented = network.batches[0]
    assert all((plain != pixels).any() for pixels in augmented)
    assert (augmented[0] != augmented[1]).any()


def test_the_same_seed_makes_the_same_copies(tmp_path, files):
    networks = [
        filled(FeatureStore(tmp_path / name, {}, (3,)), files, copies=2)[0] for name in "ab"
    ]

    for one, other in zip(networks[0].batches, networks[1].batches, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_makes_other_copies_and_reuses_unaugmented_features(store, files):
    filled(store, files, copies=1, seed=1)

    network, _, _, events = filled(store, files, copies=1, seed=2)

    assert network.images == 10
    assert events[0].kept == 10


def test_fewer_copies_are_a_subset(store, files):
    filled(store, files, copies=3)

    network, _, _, _ = filled(store, files, copies=1)

    assert network.images == 0


def test_an_error_of_the_network_keeps_earlier_features(store, files):
    views, broken = looked_at(files)
    network = Network()

    def fails_at_the_second(pixels):
        if network.batches:
            raise MemoryError
        return network(pixels)

    with pytest.raises(MemoryError):
        list(fill_store(store, views, SIZE, 4, 42, Immediate(fails_at_the_second), never, broken))

    assert sum(view.key in store for view in views) == 4
