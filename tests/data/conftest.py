"""Modules that are covered by a test of another name.

deep_gray, geometry: tests/data/test_images.py
classes, kinds, sidecars, walk: tests/data/test_folders.py
"""
