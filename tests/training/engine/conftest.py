"""Modules that are covered by a test of another name.

fingerprint, resume_point: tests/training/engine/test_resume.py
scanned_images, views: tests/training/engine/test_extraction.py
keras_context: tests/training/engine/test_pipeline.py
"""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(scope="module")
def no_retracing_warnings():
    """The runs of a module, which trace many networks, write nothing of it into a notebook."""
    written = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    assert [each for each in written if "retracing" in each] == []
