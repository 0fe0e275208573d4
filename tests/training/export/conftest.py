"""Modules that are covered by a test of another name.

exported: tests/training/export/test_export.py
target: tests/training/export/test_export.py
"""
