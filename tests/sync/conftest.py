"""Modules that are covered by a test of another name.

progress, spec: tests/sync/test_sync.py
extract, receive: tests/sync/test_download.py
send, local_listing: tests/sync/test_upload.py
"""
