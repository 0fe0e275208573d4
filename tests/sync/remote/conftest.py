"""Modules that are covered by a test of another name.

channel: tests/sync/test_sync.py
"""
