"""Modules that are covered by a test of another name.

side, view: tests/actions/runs/comparison/test_compare.py
"""
