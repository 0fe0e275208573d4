from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.practice.s3.buckets import Bucket, find_object, is_bucket_name, iter_objects

PARTS = st.text("aA.-/é0", min_size=1, max_size=3).filter(
    lambda part: not {"", ".", ".."} & set(part.split("/"))
)


@settings(max_examples=40)
@given(keys=st.sets(PARTS, max_size=8), prefix=st.text("aA./", max_size=2), data=st.data())
def test_keys_are_listed_in_the_order_of_their_bytes_after_any_of_them(
    tmp_path_factory, keys, prefix, data
):
    folder = tmp_path_factory.mktemp("bucket")
    # A file system has no file and folder of one name.
    keys = {key for key in keys if not any(each.startswith(f"{key}/") for each in keys)}
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).touch()
    after = data.draw(st.sampled_from(["", *sorted(keys)]))

    found = [each.key for each in iter_objects(_bucket(folder), prefix, after)]

    shutil.rmtree(folder)
    in_order = sorted(keys, key=str.encode)
    assert found == [
        key for key in in_order if key.startswith(prefix) and key.encode() > after.encode()
    ]


def test_no_key_leads_out_of_the_folder_of_a_bucket(folder):
    bucket = _bucket(folder)

    keys = ["../secret", "pets/../../secret", "pets/link.jpg", "pets/outside/secret", "/etc/passwd"]
    assert [find_object(bucket, key) for key in keys] == [None] * len(keys)
    assert not [each.key for each in iter_objects(bucket, "", "") if "link" in each.key]
    assert find_object(bucket, "pets/cats/1.jpg")


def test_an_etag_changes_with_the_file(folder):
    bucket, key = _bucket(folder), "pets/cats/1.jpg"
    before = find_object(bucket, key)

    (folder / key).write_bytes(b"other")

    assert find_object(bucket, key).etag != before.etag


def test_a_name_is_one_that_s3_allows():
    allowed = ["photos", "my.photos-2"]
    refused = ["Photos", "p", "a..b", "-a-", "a/b", "x" * 64]
    assert [is_bucket_name(each) for each in (*allowed, *refused)] == [True, True, *[False] * 6]


def _bucket(folder: Path) -> Bucket:
    return Bucket("photos", folder, "us-east-1", 0.0)
