"""Modules that are covered by a test of another name.

storage, clearing: tests/magics/test_features.py
"""
