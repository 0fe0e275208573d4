"""Modules that are covered by a test of another name.

lines: tests/widgets/test_run.py
"""
