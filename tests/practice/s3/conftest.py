"""Buckets of an account in this process.

Modules that are covered by a test of another name:

listing, requests: tests/practice/s3/test_service.py
"""

from __future__ import annotations

import time

import pytest

from dl_magics.practice.s3.buckets import Bucket, Buckets

FILES = {"pets/cats/1.jpg": b"one", "pets/cats/2.jpg": b"second", "pets/dogs/ü 1.jpg": b"three"}


@pytest.fixture
def folder(tmp_path):
    """A folder with photos, a file beside them and a link that leads out of it."""
    made = tmp_path / "bucket"
    for name, content in {**FILES, "notes.txt": b"notes"}.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    (tmp_path / "secret").write_text("secret")
    (made / "pets" / "link.jpg").symlink_to(tmp_path / "secret")
    (made / "pets" / "outside").symlink_to(tmp_path)
    return made


@pytest.fixture
def s3(account, folder):
    """A client of S3, of an account with a bucket here and one in another region."""
    buckets = Buckets(account.api.state.extra)
    buckets.put(Bucket("photos", folder, "us-east-1", time.time()))
    buckets.put(Bucket("elsewhere", folder, "eu-west-1", time.time()))
    return account.client("s3")
