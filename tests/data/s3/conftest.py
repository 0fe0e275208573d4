"""Modules that are covered by a test of another name.

access, bucket, index, index_errors, refusals: tests/data/s3/test_fetch.py
"""

from __future__ import annotations

import pytest

from support.s3.service import serve_s3


@pytest.fixture(scope="module")
def service():
    with serve_s3() as running:
        yield running


@pytest.fixture
def s3(service, monkeypatch, tmp_path):
    """S3 as boto3 finds it, with an access key; no settings of this computer count."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", service.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    service.refuse.clear()
    service.cut.clear()
    service.read.clear()
    service.before = lambda _: None
    return service
