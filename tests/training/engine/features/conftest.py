"""Modules that are covered by a test of another name.

records: tests/training/engine/test_feature_store.py
stored_values: tests/training/engine/fine_tuning/test_split_store.py
"""
