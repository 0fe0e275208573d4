"""Modules that are covered by a test of another name.

journal: tests/data/cleaning/test_steps.py
"""
