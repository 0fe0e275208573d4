"""Modules that are covered by a test of another name.

channel, progress, spec: tests/sync/test_sync.py
extract: tests/sync/test_download.py
tar_batch: tests/sync/test_upload.py
"""
