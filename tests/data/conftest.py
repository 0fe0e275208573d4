"""Modules that are covered by a test of another name.

classes, kinds, sidecars, walk: tests/data/test_folders.py
"""
