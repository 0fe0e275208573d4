"""Modules that are covered by a test of another name.

adapters: tests/actions/runs/trackers/test_export.py
"""
