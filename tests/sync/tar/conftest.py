"""Modules that are covered by a test of another name.

batch: tests/sync/test_upload.py
"""
