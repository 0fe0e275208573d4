"""Modules that are covered by a test of another name.

atomic, lock: tests/store/test_state.py
ledger: tests/store/test_paths.py
"""
