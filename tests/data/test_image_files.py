from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.data.image_files import ImageFile, ImageFiles, PackedNames, pack_files

# Bytes that are not UTF-8 are surrogates in the names that Python gives.
NAMES = st.lists(st.binary(max_size=6).map(lambda name: name.decode("utf-8", "surrogateescape")))


@given(NAMES, NAMES, st.randoms())
def test_packed_names_are_read_as_a_list_is(names, others, random):
    packed = PackedNames(names)
    order = random.sample(range(len(names)), len(names))

    assert list(packed) == names
    assert [packed[at] for at in order] == [names[at] for at in order]
    assert list(packed.select(np.array(order, int))) == [names[at] for at in order]
    assert list(packed[1:4].join(packed[:2])) == names[1:4] + names[:2]
    assert list(packed[1:].join(PackedNames(others))) == names[1:] + others


@pytest.mark.parametrize("folder", [Path("/photos"), Path("photos"), Path()])
def test_files_are_found_again_by_their_path(folder):
    names = PackedNames(["cats/1.jpg", "cats/2.jpg", "b\udcff/1.jpg"])
    files = ImageFiles(folder, names, np.array([0, 0, 1], np.int32))

    left = files.are_none_of([files[1].path, files[2].path, Path("/elsewhere/cats/1.jpg")])

    assert left.tolist() == [True, False, False]


def test_a_list_of_files_is_packed_with_its_paths_and_labels():
    files = [ImageFile(Path("/a/1.jpg"), 3), ImageFile(Path("b/2.jpg"), 0)]

    assert list(pack_files(files)) == files
    assert list(pack_files(files)[1:]) == files[1:]
