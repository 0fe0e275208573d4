"""Modules that are covered by a test of another name.

groups: tests/magics/help/test_overview.py
magic: tests/magics/help/test_overview.py
"""
