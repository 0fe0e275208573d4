from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics.actions.data import buckets
from dl_magics.data import folders
from dl_magics.errors import BadData
from dl_magics.store import paths
from dl_magics.training import phases
from dl_magics.training.explain import write_script
from support import tiny_keras
from support.s3.service import serve_s3


@pytest.fixture
def s3(monkeypatch):
    """S3 as boto3 finds it."""
    with serve_s3() as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "key")
        yield s3


@pytest.fixture
def address(s3, tmp_path):
    """A bucket with photos of two classes."""
    photos = tiny_keras.photos(tmp_path / "photos", n=4)
    s3.put(
        "pets",
        **{
            f"2026/{path.relative_to(photos).as_posix()}": path.read_bytes()
            for path in photos.rglob("*.png")
        },
        **{"2026/../evil.png": b"x"},
    )
    return "s3://pets/2026"


def test_photos_of_a_bucket_are_a_folder_that_a_run_trains_on(address):
    said = []

    recipe = buckets.provide_recipe(tiny_keras.recipe(address), None, said.append)

    assert Path(recipe.data).is_relative_to(paths.data_folder("s3"))
    assert folders.find_images(recipe.data, valid=0.3).counts() == {
        "train": {"blue": 3, "red": 3},
        "valid": {"blue": 1, "red": 1},
    }
    assert said[0] == f"{address}: 8 photos, 0.00 GB; 8 missing on this computer"
    assert said[1].startswith("left out: 2026/../evil.png (")
    assert said[-1] == f"{address}: 8 of 8 photos are on this computer"


def test_a_second_run_says_that_nothing_is_read(address):
    buckets.provide_recipe(tiny_keras.recipe(address), None, lambda _: None)
    said = []

    buckets.provide_recipe(tiny_keras.recipe(address), None, said.append)

    assert said[0] == f"{address}: 8 photos, 0.00 GB; all are on this computer"


def test_photos_that_a_sample_leaves_out_are_not_read(address):
    said = []

    recipe = buckets.provide_recipe(tiny_keras.recipe(address, sample=2), None, said.append)

    assert said[0] == f"{address}: 8 photos, 0.00 GB; 6 are used, 6 missing on this computer"
    assert said[-1] == f"{address}: 6 of 6 photos are on this computer"
    assert phases.find_images(recipe).counts() == {
        "train": {"blue": 2, "red": 2},
        "valid": {"blue": 1, "red": 1},
    }


def test_another_sample_is_drawn_where_a_photo_is_gone_before_it_is_read(s3, address):
    def delete(path):
        if path.endswith(".png"):
            s3.before = lambda _: None
            s3.delete("pets", path.removeprefix("/pets/"))

    s3.before = delete
    said = []

    recipe = buckets.provide_recipe(tiny_keras.recipe(address, sample=2), None, said.append)

    found = phases.find_images(recipe)
    assert [len(found.train), len(found.valid)] == [4, 2]
    assert all(each.path.stat().st_size for each in (*found.train, *found.valid))
    assert f"{address}: 7 photos, 0.00 GB; 6 are used, 1 missing on this computer" in said


def test_a_folder_is_left_as_it_is():
    recipe = tiny_keras.recipe("data/pets")

    assert buckets.provide_recipe(recipe, None, pytest.fail) is recipe


def test_a_script_needs_a_folder_and_says_how_to_copy_the_bucket():
    with pytest.raises(BadData) as caught:
        write_script(tiny_keras.recipe("s3://pets/2026"))

    assert "aws s3 sync s3://pets/2026 photos" in caught.value.fix
