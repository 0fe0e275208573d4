"""Modules that are covered by a test of another name.

sources: tests/data/splitting/test_plan.py
"""
