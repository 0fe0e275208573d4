"""Modules that are covered by a test of another name.

stored_values: tests/training/engine/fine_tuning/test_split_store.py
"""
